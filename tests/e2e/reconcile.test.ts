import { afterAll, afterEach, expect, test } from "bun:test";
import { WorkflowFailedError } from "@temporalio/client";
import { readRunState } from "#activities/open-runs";
import { generationSessionId, stepRequested } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { queues } from "#workflows/task-queues";
import { startGallery } from "#tests/support/running-gallery";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";

/** Temporal's default limit is 10 000 signals per run: one a minute for a week. */
const mostSignals = 30;

const temporal = await startTemporalServer({
  "history.maximumSignalsPerExecution": mostSignals,
});
// No check of the line during a test: all signals come from reconcile or the test.
const { stack, gallery } = await startGallery({
  temporalAddress: temporal.address,
  timings: { lineCheckMs: 600_000 },
});

afterEach(() => stack.invokeai.control.clearFaults());
afterAll(async () => {
  await stack.stop();
  await temporal.stop();
}, 60_000);

const runOf = (workflowId: string) => stack.temporal.workflow.getHandle(workflowId);
const isOpen = async (workflowId: string) =>
  (await runOf(workflowId).describe()).status.name === "RUNNING";

/** Runs reconcile; returns its error, undefined for none. */
async function reconcile(): Promise<string | undefined> {
  const run = await stack.temporal.workflow.start("reconcile", {
    workflowId: `reconcile-${crypto.randomUUID()}`,
    taskQueue: queues.main,
    args: [],
  });
  try {
    await run.result();
    return undefined;
  } catch (error) {
    if (!(error instanceof WorkflowFailedError)) throw error;
    const cause = error.cause as { cause?: Error } | undefined;
    return String(cause?.cause?.message);
  }
}

async function openSession(): Promise<string> {
  const { id } = await gallery.createSession();
  await until("the session's run", () => isOpen(generationSessionId(id)).catch(() => false));
  return id;
}

let seed = 1_000;

async function requestStep(sessionId: string): Promise<string> {
  // New seeds: known images come from InvokeAI's cache and would not be held.
  const parameters = { batch_size: 1, seed: seed++ };
  return (await gallery.requestStep(sessionId, { parameters })).id;
}

/** Signals the run of a session until the server refuses further signals. */
async function exhaust(sessionId: string): Promise<void> {
  const run = runOf(generationSessionId(sessionId));
  await until("a session that accepts no more signals", () =>
    run.signal(stepRequested, { stepId: crypto.randomUUID() }).then(
      () => false,
      () => true,
    ),
  );
}

/** A session whose run was terminated; reconcile lists it after all older ones. */
async function loseSession(): Promise<string> {
  const id = await openSession();
  await runOf(generationSessionId(id)).terminate("by hand");
  await until("the run to be listed as closed", async () => {
    const query = `WorkflowId = '${generationSessionId(id)}' and ExecutionStatus = 'Running'`;
    return (await stack.temporal.workflow.count(query)).count === 0;
  });
  return id;
}

async function countSignals(workflowId: string): Promise<number> {
  const { events } = await runOf(workflowId).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
}

test("a step may wait for its turn for weeks: reconcile sends its session no signals, restarts the run of another session, and a cancel ends it", async () => {
  await stack.invokeai.control.holdStep();
  const holder = await requestStep(await openSession());
  await stack.invokeai.control.until((state) => state.frozen !== null);
  const session = await openSession();
  const waiting = await requestStep(session);
  await until("a step that waits", () => isOpen(generationStepId(waiting)).catch(() => false));
  const before = await countSignals(generationSessionId(session));
  // One more than the run could accept if each sent it a signal.
  for (let runs = 0; runs <= mostSignals; runs++) {
    expect(await reconcile()).toBeUndefined();
  }
  expect(await countSignals(generationSessionId(session))).toBe(before);
  const lost = await loseSession();
  expect(await reconcile()).toBeUndefined();
  expect(await isOpen(generationSessionId(lost))).toBe(true);
  await gallery.post(`/generation/steps/${waiting}/cancel`);
  await gallery.stepIs(waiting, ["cancelled"]);
  await stack.invokeai.control.release();
  await gallery.stepIs(holder, ["completed"]);
}, 120_000);

test("a session that sleeps until a step may start is not signalled by reconcile, and is signalled when the step may start earlier and its signal was lost", async () => {
  const { id: session } = await gallery.createSession();
  const notBefore = new Date(Date.now() + 3_600_000).toISOString();
  const parameters = { batch_size: 1, seed: seed++ };
  const { id } = await gallery.requestStep(session, { not_before: notBefore, parameters });
  await until("a session that sleeps", async () => {
    return (await readRunState(stack.temporal, generationSessionId(session))) === "idle";
  });
  const before = await countSignals(generationSessionId(session));
  for (let runs = 0; runs < 3; runs++) expect(await reconcile()).toBeUndefined();
  expect(await countSignals(generationSessionId(session))).toBe(before);
  await stack.database.sql`update steps set not_before = null where id = ${id}`;
  expect(await reconcile()).toBeUndefined();
  await gallery.stepIs(id, ["completed"]);
}, 60_000);

test("a row that cannot be reconciled does not stop the others, and the run fails with its error", async () => {
  const broken = await openSession();
  await exhaust(broken);
  await until("a session that waits", async () => {
    return (await readRunState(stack.temporal, generationSessionId(broken))) === "idle";
  });
  const step = await requestStep(broken);
  const lost = await loseSession();
  expect(await reconcile()).toContain(broken);
  expect(await isOpen(generationSessionId(lost))).toBe(true);
  await runOf(generationSessionId(broken)).terminate("by hand");
  await until("a session that is started again", async () => {
    await reconcile();
    return isOpen(generationSessionId(broken));
  });
  await gallery.stepIs(step, ["completed"]);
}, 60_000);

test("a cancel reaches the running and the waiting step of a session that accepts no more signals", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 0, step: 1 });
  const session = await openSession();
  const running = await requestStep(session);
  await control.until((state) => state.frozen !== null);
  const behind = await requestStep(session);
  await exhaust(session);
  await gallery.post(`/generation/steps/${behind}/cancel`);
  expect(await reconcile()).toBeUndefined();
  await gallery.stepIs(behind, ["cancelled"]);
  await gallery.post(`/generation/steps/${running}/cancel`);
  await gallery.stepIs(running, ["cancelled"]);
}, 60_000);

test("an abandoned session that accepts no more signals cancels its step, and ends", async () => {
  const { control } = stack.invokeai;
  await control.holdStep({ item: 0, step: 1 });
  const session = await openSession();
  const running = await requestStep(session);
  await control.until((state) => state.frozen !== null);
  await exhaust(session);
  await gallery.patch(`/generation/sessions/${session}`, { status: "abandoned" });
  expect(await reconcile()).toBeUndefined();
  await gallery.stepIs(running, ["cancelled"]);
  await until("the end of its run", async () => !(await isOpen(generationSessionId(session))));
}, 60_000);
