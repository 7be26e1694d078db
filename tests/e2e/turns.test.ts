import { afterAll, afterEach, expect, test } from "bun:test";
import { generationStepId } from "#workflows/generation-step/contract";
import { invokeaiBackendId, turnWanted } from "#workflows/invokeai-backend/contract";
import { startGallery } from "#tests/support/running-gallery";
import { shortTimings } from "#tests/support/stack";
import { until } from "#tests/support/wait";

const { stack, gallery } = await startGallery();

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

async function requestStep(seed: number): Promise<string> {
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id, { parameters: { seed, batch_size: 1 } })).id;
}

const sentSteps = async () =>
  (await stack.invokeai.control.state()).enqueues.map(({ batchId }) => batchId.slice(0, 36));

test("Two sessions at once: turns in order of arrival, each waiting step shows its place", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const first = await requestStep(100);
  await control.until((state) => state.frozen !== null);
  const second = await requestStep(200);
  expect((await gallery.placeIs(second, 1)).status).toBe("pending");
  const third = await requestStep(300);
  expect((await gallery.placeIs(third, 2)).status).toBe("pending");
  expect(await sentSteps()).toEqual([first]);
  await control.holdStep();
  await control.release();
  await control.until((state) => state.enqueues.length === 2 && state.frozen !== null);
  // The one behind moves up.
  await gallery.placeIs(third, 1);
  await control.release();
  for (const stepId of [first, second, third]) await gallery.stepIs(stepId, ["completed"]);
  expect(await sentSteps()).toEqual([first, second, third]);
  expect((await gallery.get(`/generation/steps/${third}`)).progress_message).toBeUndefined();
}, 90_000);

test("a step cancelled while it waits is never sent, those behind it move up, and the start is told that can be expected", async () => {
  const { control } = stack.invokeai;
  // Half of the first batch is made, so that its end can be foretold; and its kind was made before.
  await control.holdStep({ item: 1, step: 1 });
  const session = await gallery.createSession();
  const { id: first } = await gallery.requestStep(session["id"], {
    parameters: { seed: 310, batch_size: 2 },
  });
  await control.until((state) => state.frozen !== null);
  const second = await requestStep(320);
  await gallery.placeIs(second, 1);
  const third = await requestStep(330);
  expect(await gallery.placeIs(third, 2)).toMatchObject({ place_in_line: 2 });
  await gallery.post(`/generation/steps/${second}/cancel`);
  await gallery.stepIs(second, ["cancelled"]);
  const waiting = await gallery.placeIs(third, 1);
  expect(waiting).toMatchObject({ status: "pending", place_in_line: 1 });
  expect(waiting.progress_message).toContain("It should start in");
  expect(Date.parse(waiting.estimated_completion)).toBeGreaterThanOrEqual(
    Date.parse(waiting.estimated_start),
  );
  await control.release();
  await gallery.stepIs(first, ["completed"]);
  const done = await gallery.stepIs(third, ["completed"]);
  expect(Object.keys(done)).not.toContain("place_in_line");
  expect(await sentSteps()).not.toContain(second);
}, 90_000);

test("steps that ask for their turn again and again make no looks at InvokeAI of their own", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await requestStep(350);
  await control.until((state) => state.frozen !== null);
  const waiting = await requestStep(360);
  await gallery.placeIs(waiting, 1);
  const backend = stack.temporal.workflow.getHandle(invokeaiBackendId);
  for (let asked = 0; asked < 30; asked++) {
    await backend.signal(turnWanted, { workflowId: generationStepId(waiting) });
  }
  await control.release();
  for (const stepId of [holder, waiting]) await gallery.stepIs(stepId, ["completed"]);
  const { events } = await backend.fetchHistory();
  const looks = events!.flatMap((event) =>
    event.activityTaskScheduledEventAttributes?.activityType?.name === "checkBackend"
      ? [Number(event.eventTime?.seconds) * 1_000 + (event.eventTime?.nanos ?? 0) / 1e6]
      : [],
  );
  const pauses = looks.slice(1).map((at, index) => at - looks[index]!);
  expect(pauses.length).toBeGreaterThan(0);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(shortTimings.backendRetryMs);
}, 90_000);

test("those in a line hear of one change in a while, not of each; and ask no more often than they are told to", async () => {
  const { stack: slow, gallery: own } = await startGallery({
    timings: { linePauseMs: 60_000, turnAskAgainMs: 60_000 },
  });
  try {
    const { control } = slow.invokeai;
    await control.holdStep();
    const stepIds: string[] = [];
    for (let place = 0; place < 5; place++) {
      const session = await own.createSession();
      const step = await own.requestStep(session.id, { parameters: { batch_size: 1 } });
      if (place > 0) await own.placeIs(step.id, place);
      else await control.until((state) => state.frozen !== null);
      stepIds.push(step.id);
    }
    await control.release();
    for (const stepId of stepIds) await own.stepIs(stepId, ["completed"]);
    const backend = slow.temporal.workflow.getHandle(invokeaiBackendId);
    const { events } = await backend.fetchHistory();
    const asked = events!.filter(
      (event) => event.workflowExecutionSignaledEventAttributes?.signalName === "turnWanted",
    );
    const told = events!.filter(
      (event) =>
        event.signalExternalWorkflowExecutionInitiatedEventAttributes?.signalName === "turnWaiting",
    );
    expect(asked).toHaveLength(5);
    // Four places when they came, and one change for the three that were left.
    expect(told).toHaveLength(7);
  } finally {
    await slow.stop();
  }
}, 90_000);

test("a holder whose run is terminated by hand loses its turn to the next", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await requestStep(400);
  await control.until((state) => state.frozen !== null);
  // Several, each asking for its turn again and again.
  const waiting: string[] = [];
  for (const seed of [500, 600, 700]) {
    const stepId = await requestStep(seed);
    waiting.push(stepId);
    await gallery.placeIs(stepId, waiting.length);
  }
  await stack.temporal.workflow.getHandle(generationStepId(holder)).terminate("by hand");
  const failed = await gallery.stepIs(holder, ["failed"]);
  expect(failed.error).toMatchObject({ code: "server_error" });
  await until("the next in the line", async () => (await sentSteps()).includes(waiting[0] ?? ""));
  await control.release();
  for (const stepId of waiting) await gallery.stepIs(stepId, ["completed"]);
  expect((await sentSteps()).slice(-3)).toEqual(waiting);
  // What the terminated run had asked for is taken up, not asked for again.
  await gallery.post(`/generation/steps/${holder}/retry`);
  await gallery.stepIs(holder, ["completed"]);
  expect((await sentSteps()).filter((stepId) => stepId === holder)).toHaveLength(1);
}, 120_000);
