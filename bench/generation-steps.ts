import type { ApiClient } from "#stack/demo/client";

/** Times in ms since 1970, all from the same clock: everything runs on this machine. */
export type StepRun = { stepId: string; batchId: string; requestedAt: number; endedAt: number };

type AskedStep = { model_key: string; batch_size: number } & Record<string, number | string>;
type Step = { id: string; status: string; batch_id?: string; completed_at?: string };

/** @param sourceId the source photo of the first step */
export async function openSession(api: ApiClient, sourceId?: string): Promise<string> {
  const entry =
    sourceId === undefined
      ? { entry_type: "scratch" }
      : { entry_type: "refinement", source_image_id: sourceId };
  return (await api.call<{ id: string }>("POST", "/generation/sessions", entry)).id;
}

/**
 * Runs a step with unique seeds, from its request to the completion time in its row, when all its images are stored.
 * @param pauseMs time between polls. The row has the exact time; polling more often would disturb the measurement.
 */
export function runStep(
  api: ApiClient,
  sessionId: string,
  parameters: AskedStep,
  pauseMs?: number,
): Promise<StepRun> {
  return runRequest(api, sessionId, { prompt: "hills by the sea", parameters }, pauseMs);
}

/** The same for any request of a step. */
export async function runRequest(
  api: ApiClient,
  sessionId: string,
  asked: object,
  pauseMs = 50,
): Promise<StepRun> {
  const requestedAt = Date.now();
  const { id } = await api.call<Step>("POST", `/generation/sessions/${sessionId}/steps`, asked);
  for (;;) {
    const step = await api.call<Step>("GET", `/generation/steps/${id}`);
    const { status, batch_id: batchId, completed_at: completedAt } = step;
    if (status === "completed" && batchId !== undefined && completedAt !== undefined) {
      return { stepId: id, batchId, requestedAt, endedAt: Date.parse(completedAt) };
    }
    if (status === "failed" || status === "cancelled") throw new Error(`a step ended as ${status}`);
    await Bun.sleep(pauseMs);
  }
}
