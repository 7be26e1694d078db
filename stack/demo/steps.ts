import { Refusal } from "../refusal";
import type { ApiClient } from "./client";
import { createProgressBar } from "./progress-bar";

export type Photo = { id: string; width: number; height: number; file_size: number };
type Model = {
  key: string;
  name: string;
  base: string;
  usable: boolean;
};
type StepStatus = {
  status: "pending" | "processing" | "completed" | "failed" | "cancelled";
  progress: number;
  progress_message?: string | null;
  error?: { message: string; suggestion?: string } | null;
  retrieval_status: { total: number; completed: number; failed: number };
};
type Alternative = { image_id: string; retrieval_status: string };

/** A model that can be used now; the smallest base first. */
export async function chooseModel(api: ApiClient): Promise<Model> {
  const usable = async () => {
    const { items } = await api.call<{ items: Model[] }>("GET", "/models?limit=100&total=false");
    const models = items.filter((model) => model.usable);
    return models.find((model) => model.base === "sd-1") ?? models[0];
  };
  let model = await usable();
  if (model === undefined) {
    await api.call("POST", "/models/refresh", {});
    model = await usable();
  }
  if (model !== undefined) return model;
  throw new Refusal("InvokeAI has no model that this server can generate with; install one there.");
}

export type StepRequest = {
  prompt: string;
  parent_id?: string;
  parameters: { model_key: string; batch_size: number; strength?: number };
};

/** Requests a step, shows its progress until all its images have arrived, and returns them. */
export async function runStep(
  api: ApiClient,
  sessionId: string,
  request: StepRequest,
): Promise<{ stepId: string; imageIds: string[] }> {
  const path = `/generation/sessions/${sessionId}/steps`;
  const step = await api.call<{ id: string }>("POST", path, request);
  await watchStep(api, step.id);
  const { items } = await api.call<{ items: Alternative[] }>(
    "GET",
    `/generation/steps/${step.id}/alternatives`,
  );
  const imageIds = items
    .filter((item) => item.retrieval_status === "completed")
    .map((item) => item.image_id);
  if (imageIds.length < request.parameters.batch_size) {
    throw new Refusal(
      `Only ${imageIds.length} of ${request.parameters.batch_size} images arrived.`,
    );
  }
  return { stepId: step.id, imageIds };
}

// No change for this long means that something hangs; a real InvokeAI may load a model for minutes.
const longestSilenceMs = 600_000;

/** Shows the progress of a step until all its images have arrived. */
export async function watchStep(api: ApiClient, stepId: string): Promise<void> {
  const draw = createProgressBar(process.stdout);
  let last = "";
  let changedAt = performance.now();
  while (true) {
    const state = await api.call<StepStatus>("GET", `/generation/steps/${stepId}/status`);
    const { total, completed, failed } = state.retrieval_status;
    if (state.status === "failed" || state.status === "cancelled") {
      const reason = [state.error?.message, state.error?.suggestion].filter(Boolean).join(" ");
      throw new Refusal(`The step ended as ${state.status}${reason && `: ${reason}`}`);
    }
    const isDone = state.status === "completed" && completed + failed >= total;
    if (isDone) return draw(1, `${completed} images stored`);
    draw(Math.min(state.progress, 0.99), state.progress_message ?? state.status);
    const now = JSON.stringify(state);
    if (now !== last) changedAt = performance.now();
    last = now;
    if (performance.now() - changedAt > longestSilenceMs) {
      throw new Refusal(`Nothing has changed for ten minutes: ${state.progress_message ?? ""}`);
    }
    await Bun.sleep(200);
  }
}
