import type { ApiClient } from "#dev/demo/client";

/** Moments in ms since 1970, of one clock: everything runs on this machine. */
export type StepRun = { stepId: string; batchId: string; requestedAt: number; endedAt: number };

type AskedStep = { model_key: string; batch_size: number } & Record<string, number | string>;
type Step = { id: string; status: string; batch_id?: string; completed_at?: string };

/** @param sourceId of a photo that the first step draws over */
export async function openSession(api: ApiClient, sourceId?: string): Promise<string> {
  const entry =
    sourceId === undefined
      ? { entry_type: "scratch" }
      : { entry_type: "refinement", source_image_id: sourceId };
  return (await api.call<{ id: string }>("POST", "/generation/sessions", entry)).id;
}

/**
 * A step with seeds of its own, from its request to the moment that its row tells as its end: all its images are here.
 * @param pauseMs between two looks. The row has the exact moment; to look more often takes time from what is measured.
 */
export async function runStep(
  api: ApiClient,
  sessionId: string,
  parameters: AskedStep,
  pauseMs = 50,
): Promise<StepRun> {
  const requestedAt = Date.now();
  const asked = { prompt: "hills by the sea", parameters };
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
