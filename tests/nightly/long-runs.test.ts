import { afterAll, expect, test } from "bun:test";
import { temporal as protobuf } from "@temporalio/proto";
import { generationSessionId } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { given } from "#tests/support/environment";
import { startGallery } from "#tests/support/running-gallery";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";

/** 8 by default; 200 take minutes: `GALLERY_TEST_SESSION_STEPS=200 ./gallery test tests/nightly/long-runs.test.ts`. */
const manySteps = Number(given("GALLERY_TEST_SESSION_STEPS") ?? 8);
const endsAfterMs = 60_000 + manySteps * 5_000;
const suggestedEvents = 40;
const eventsOfStep = 40;

// The server suggests to continue as new after a few events, as after weeks.
const temporal = await startTemporalServer({
  "limit.historyCount.suggestContinueAsNew": suggestedEvents,
});
const { stack, gallery } = await startGallery({
  temporalAddress: temporal.address,
  timings: { lineCheckMs: 200 },
});

afterAll(async () => {
  await stack.stop();
  await temporal.stop();
}, 60_000);

/** The id of the newest run in a chain; it changes when the run continues as new. */
async function runIdOf(workflowId: string): Promise<string> {
  return (await stack.temporal.workflow.getHandle(workflowId).describe()).runId;
}

test("during a long wait the histories of waiting runs do not grow, and the backend's run continues as new: positions stay, each image is generated once", async () => {
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
    // Of two sessions: without this wait the second step may enter the line first.
    await gallery.positionIs(stepId, waiting.length);
  }
  const readWaiting = () => Promise.all(waiting.map((id) => readRuns(generationStepId(id))));
  const before = await readWaiting();
  for (let run = 0; run < 3; run++) {
    const runId = await runIdOf(invokeaiBackendId);
    await until("a next run", async () => (await runIdOf(invokeaiBackendId)) !== runId);
  }
  expect(await readWaiting()).toEqual(before);
  for (const [index, stepId] of waiting.entries()) {
    const step = await gallery.get(`/generation/steps/${stepId}`);
    expect(step.progress_message).toContain(`Position ${index + 1} in the line`);
  }
  await control.release();
  for (const stepId of [first, ...waiting]) await gallery.stepIs(stepId, ["completed"]);
  const { enqueues } = await control.state();
  expect(enqueues.map(({ seeds }) => seeds)).toEqual([[100], [200], [300]]);
}, 120_000);

/** The size of every run of a chain. */
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
  "a session of many steps continues as new and generates each image once, in order; no run exceeds 5 000 events or 2 MB",
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
      // It continues as new between two steps: until then come the rest of one step and, for each other step, a signal of
      // four events.
      expect(events).toBeLessThan(suggestedEvents + eventsOfStep + 4 * manySteps);
      // By default the server suggests it at 4 096 events.
      expect((bytes / events) * 5_000).toBeLessThan(2_000_000);
    }
  },
  endsAfterMs + 60_000,
);
