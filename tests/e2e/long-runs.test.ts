import { afterAll, beforeAll, expect, test } from "bun:test";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { createGalleryClient, type GalleryClient } from "#tests/support/gallery";
import { type Stack, startStack } from "#tests/support/stack";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";

let temporal: Awaited<ReturnType<typeof startTemporalServer>>;
let stack: Stack;
let gallery: GalleryClient;

beforeAll(async () => {
  // As after weeks: a run is told after a few events that its history is long.
  temporal = await startTemporalServer({ "limit.historyCount.suggestContinueAsNew": 40 });
  stack = await startStack({
    temporalAddress: temporal.address,
    timings: { turnAskAgainMs: 200 },
  });
  const [api] = await Promise.all([stack.startApi(), stack.startWorker()]);
  gallery = createGalleryClient(api.url);
}, 60_000);

afterAll(async () => {
  await stack.stop();
  await temporal.stop();
}, 30_000);

/** Which run of a chain is open: how long ago it began is told by whether it is still the first. */
async function runIdOf(workflowId: string): Promise<string> {
  return (await stack.temporal.workflow.getHandle(workflowId).describe()).runId;
}

test("a wait too long for one history goes on in new runs: places in the line stay, each image is made once", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const requestStep = async (seed: number) => {
    const session = await gallery.createSession();
    const parameters = { seed, batch_size: 1 };
    return (await gallery.requestStep(session.id, { parameters })).id as string;
  };
  const first = await requestStep(100);
  await control.until((state) => state.frozen !== null);
  const waiting = [await requestStep(200), await requestStep(300)];
  const chains = [invokeaiBackendId, ...waiting.map((id) => generationStepId(id))];
  for (const workflowId of chains) {
    const runId = await until(`a run of ${workflowId}`, () =>
      runIdOf(workflowId).catch(() => undefined),
    );
    await until(`a next run of ${workflowId}`, async () => (await runIdOf(workflowId)) !== runId);
  }
  for (const [index, stepId] of waiting.entries()) {
    const step = await gallery.get(`/generation/steps/${stepId}`);
    expect(step.progress_message).toContain(`Place ${index + 1} in the line`);
  }
  await control.release();
  for (const stepId of [first, ...waiting]) await gallery.stepIs(stepId, ["completed"]);
  const { enqueues } = await control.state();
  expect(enqueues.map(({ seeds }) => seeds)).toEqual([[100], [200], [300]]);
}, 120_000);

test("a session of many steps goes on in new runs and makes each image once, in order", async () => {
  const session = await gallery.createSession();
  const workflowId = generationSessionId(session.id);
  const runId = await until("the session's run", () => runIdOf(workflowId).catch(() => undefined));
  const seeds = Array.from({ length: 8 }, (_, index) => 1_000 + index);
  const stepIds: string[] = [];
  for (const seed of seeds) {
    const step = await gallery.requestStep(session.id, { parameters: { seed, batch_size: 1 } });
    stepIds.push(step.id);
  }
  for (const stepId of stepIds) await gallery.stepIs(stepId, ["completed"], 90_000);
  const { enqueues } = await stack.invokeai.control.state();
  const sent = enqueues.flatMap((batch) => batch.seeds).filter((seed) => (seed ?? 0) >= 1_000);
  expect(sent).toEqual(seeds);
  expect(await runIdOf(workflowId)).not.toBe(runId);
  await gallery.patch(`/generation/sessions/${session.id}`, { status: "completed" });
  const run = stack.temporal.workflow.getHandle(workflowId);
  await until(
    "the end of the session's run",
    async () => (await run.describe()).status.name === "COMPLETED",
  );
}, 120_000);
