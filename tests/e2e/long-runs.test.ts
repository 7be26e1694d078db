import { afterAll, expect, test } from "bun:test";
import { temporal as protobuf } from "@temporalio/proto";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { given } from "#tests/support/environment";
import { startGallery } from "#tests/support/running-gallery";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";

/** 8 in a run of all tests; 200 take minutes: `GALLERY_TEST_SESSION_STEPS=200 ./gallery test tests/e2e/long-runs.test.ts`. */
const manySteps = Number(given("GALLERY_TEST_SESSION_STEPS") ?? 8);
const endsAfterMs = 60_000 + manySteps * 5_000;
const suggestedEvents = 40;
const eventsOfStep = 40;

// As after weeks: a run is told after a few events that its history is long.
const temporal = await startTemporalServer({
  "limit.historyCount.suggestContinueAsNew": suggestedEvents,
});
const { stack, gallery } = await startGallery({
  temporalAddress: temporal.address,
  timings: { turnAskAgainMs: 200 },
});

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
  const waiting: string[] = [];
  for (const seed of [200, 300]) {
    const stepId = await requestStep(seed);
    waiting.push(stepId);
    // Of two sessions: without a wait the second step may come to the line first.
    await gallery.placeIs(stepId, waiting.length);
  }
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

/** Every run of a chain, as the workflow service keeps it. */
async function readRuns(workflowId: string): Promise<{ events: number; bytes: number }[]> {
  const runs: { events: number; bytes: number }[] = [];
  for await (const { runId } of stack.temporal.workflow.list({
    query: `WorkflowId = '${workflowId}'`,
  })) {
    const history = await stack.temporal.workflow.getHandle(workflowId, runId).fetchHistory();
    const { length } = protobuf.api.history.v1.History.encode(history).finish();
    runs.push({ events: history.events?.length ?? 0, bytes: length });
  }
  return runs;
}

test(
  "a session of many steps goes on in new runs and makes each image once, in order; no run outgrows 5 000 events or 2 MB",
  async () => {
    const session = await gallery.createSession();
    const workflowId = generationSessionId(session.id);
    const runId = await until("the session's run", () =>
      runIdOf(workflowId).catch(() => undefined),
    );
    const seeds = Array.from({ length: manySteps }, (_, index) => 1_000 + index);
    const stepIds: string[] = [];
    for (const seed of seeds) {
      const step = await gallery.requestStep(session.id, { parameters: { seed, batch_size: 1 } });
      stepIds.push(step.id);
    }
    for (const stepId of stepIds) await gallery.stepIs(stepId, ["completed"], endsAfterMs);
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
    const runs = await until("all runs to be listed", async () => {
      const all = await readRuns(workflowId);
      return all.length > 1 && all;
    });
    for (const { events, bytes } of runs) {
      // It goes on between two steps: meanwhile come the rest of one step, and a signal for each other one, of four events.
      expect(events).toBeLessThan(suggestedEvents + eventsOfStep + 4 * manySteps);
      // As the server ships, it tells so at 4 096 events.
      expect((bytes / events) * 5_000).toBeLessThan(2_000_000);
    }
  },
  endsAfterMs + 60_000,
);
