import { afterAll, afterEach, expect, test } from "bun:test";
import { generationStepId } from "#workflows/generation-step/contract";
import { checkLine, invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { startGallery } from "#tests/support/running-gallery";
import { shortTimings } from "#tests/support/stack";
import { until } from "#tests/support/wait";

const { stack, gallery, ...first } = await startGallery();
let { worker } = first;

afterEach(() => stack.calmInvokeAi());
afterAll(() => stack.stop(), 30_000);

async function requestStep(seed: number): Promise<string> {
  const session = await gallery.createSession();
  return (await gallery.requestStep(session.id, { parameters: { seed, batch_size: 1 } })).id;
}

const sentSteps = async () =>
  (await stack.invokeai.control.state()).enqueues.map(({ batchId }) => batchId.slice(0, 36));

test("Two sessions at once: turns in order of arrival, each waiting step shows its position", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const first = await requestStep(100);
  await control.until((state) => state.frozen !== null);
  const second = await requestStep(200);
  expect((await gallery.positionIs(second, 1)).status).toBe("pending");
  const third = await requestStep(300);
  expect((await gallery.positionIs(third, 2)).status).toBe("pending");
  expect(await sentSteps()).toEqual([first]);
  await control.holdStep();
  await control.release();
  await control.until((state) => state.enqueues.length === 2 && state.frozen !== null, 30_000);
  // The step behind moves up.
  await gallery.positionIs(third, 1);
  await control.release();
  for (const stepId of [first, second, third]) await gallery.stepIs(stepId, ["completed"]);
  expect(await sentSteps()).toEqual([first, second, third]);
  expect((await gallery.get(`/generation/steps/${third}`)).progress_message).toBeUndefined();
}, 90_000);

test("a step cancelled while it waits is never sent, those behind it move up, and show their expected start", async () => {
  const { control } = stack.invokeai;
  // Half of the first batch is generated, so that its end can be estimated; earlier batches give the seconds per image.
  await control.holdStep({ item: 1, step: 1 });
  const session = await gallery.createSession();
  const { id: first } = await gallery.requestStep(session["id"], {
    parameters: { seed: 310, batch_size: 2 },
  });
  await control.until((state) => state.frozen !== null);
  const second = await requestStep(320);
  await gallery.positionIs(second, 1);
  const third = await requestStep(330);
  expect(await gallery.positionIs(third, 2)).toMatchObject({ place_in_line: 2 });
  await gallery.post(`/generation/steps/${second}/cancel`);
  await gallery.stepIs(second, ["cancelled"]);
  const waiting = await gallery.positionIs(third, 1);
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

test("many signals to check the line do not increase the requests to InvokeAI", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await requestStep(350);
  await control.until((state) => state.frozen !== null);
  const waiting = await requestStep(360);
  await gallery.positionIs(waiting, 1);
  const backend = stack.temporal.workflow.getHandle(invokeaiBackendId);
  for (let sent = 0; sent < 30; sent++) {
    await backend.signal(checkLine);
  }
  await control.release();
  for (const stepId of [holder, waiting]) await gallery.stepIs(stepId, ["completed"]);
  const { events } = await backend.fetchHistory();
  const checks = events!.flatMap((event) =>
    event.activityTaskScheduledEventAttributes?.activityType?.name === "checkBackend"
      ? [Number(event.eventTime?.seconds) * 1_000 + (event.eventTime?.nanos ?? 0) / 1e6]
      : [],
  );
  const pauses = checks.slice(1).map((at, index) => at - checks[index]!);
  expect(pauses.length).toBeGreaterThan(0);
  expect(Math.min(...pauses)).toBeGreaterThanOrEqual(shortTimings.backendRetryMs);
}, 90_000);

test("a waiting run is signalled for its grant only, not each time the line moves", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const stepIds = [await requestStep(370)];
  await control.until((state) => state.frozen !== null);
  for (let position = 1; position < 5; position++) {
    const stepId = await requestStep(370 + position);
    stepIds.push(stepId);
    await gallery.positionIs(stepId, position);
  }
  await control.release();
  for (const stepId of stepIds) await gallery.stepIs(stepId, ["completed"]);
  for (const [moves, stepId] of stepIds.entries()) {
    if (moves === 0) continue;
    const run = stack.temporal.workflow.getHandle(generationStepId(stepId));
    const { events } = await run.fetchHistory();
    const signals = events!.flatMap(
      (event) => event.workflowExecutionSignaledEventAttributes?.signalName ?? [],
    );
    const ofTurns = signals.filter((name) => name !== "retrievalSettled");
    expect(new Set(ofTurns)).toEqual(new Set(["turnGranted"]));
    // A check of the line repeats a grant that is just being signalled.
    if (moves === 4) expect(ofTurns.length).toBeLessThan(moves);
  }
}, 90_000);

test("a grant whose signal was lost with its worker is signalled by the next worker", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await requestStep(380);
  await control.until((state) => state.frozen !== null);
  const next = await requestStep(390);
  await gallery.positionIs(next, 1);
  await worker.kill();
  // The rows that a worker leaves when it dies between its commit and the signal.
  const { sql } = stack.database;
  await sql`delete from turns where step_id = ${holder}`;
  await sql`update turns set backend = 'local', granted_at = now() where step_id = ${next}`;
  worker = await stack.startWorker();
  await control.until(
    (state) => state.enqueues.some(({ batchId }) => batchId.startsWith(next)),
    30_000,
  );
  await control.release();
  for (const stepId of [holder, next]) await gallery.stepIs(stepId, ["completed"]);
}, 90_000);

test("when the holder's run is terminated by hand, the next step gets the turn", async () => {
  const { control } = stack.invokeai;
  await control.holdStep();
  const holder = await requestStep(400);
  await control.until((state) => state.frozen !== null);
  // Several waiting steps, which repeat their requests.
  const waiting: string[] = [];
  for (const seed of [500, 600, 700]) {
    const stepId = await requestStep(seed);
    waiting.push(stepId);
    await gallery.positionIs(stepId, waiting.length);
  }
  await stack.temporal.workflow.getHandle(generationStepId(holder)).terminate("by hand");
  const failed = await gallery.stepIs(holder, ["failed"]);
  expect(failed.error).toMatchObject({ code: "server_error" });
  await until("the next in the line", async () => (await sentSteps()).includes(waiting[0] ?? ""));
  await control.release();
  for (const stepId of waiting) await gallery.stepIs(stepId, ["completed"]);
  expect((await sentSteps()).slice(-3)).toEqual(waiting);
  // The retry continues the batch of the terminated run and sends no second one.
  await gallery.post(`/generation/steps/${holder}/retry`);
  await gallery.stepIs(holder, ["completed"]);
  expect((await sentSteps()).filter((stepId) => stepId === holder)).toHaveLength(1);
}, 120_000);
