import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import { type Client, WorkflowNotFoundError } from "@temporalio/client";
import { generationStepId } from "#workflows/generation-step/contract";
import { timingsOf } from "#workflows/timings";
import type { Grant } from "#workflows/turn/contract";
import { type ActivityBench, createActivityBench } from "#tests/support/activities";

/** The open runs, and the signals that they received. */
const open = new Set<string>();
const signals: { workflowId: string; name: string; grant: Grant | undefined }[] = [];

const temporal = {
  withDeadline: (_: number, work: () => Promise<unknown>) => work(),
  workflow: {
    getHandle: (workflowId: string) => {
      const require = () => {
        if (!open.has(workflowId)) throw new WorkflowNotFoundError("gone", workflowId, undefined);
      };
      return {
        signal: async ({ name }: { name: string }, grant?: Grant) => {
          require();
          signals.push({ workflowId, name, grant });
        },
        describe: async () => {
          require();
          return { status: { name: "RUNNING" }, raw: {} };
        },
      };
    },
  },
} as unknown as Client;

let bench: ActivityBench;
beforeAll(async () => (bench = await createActivityBench({}, temporal)), 60_000);
afterAll(() => bench.close());
beforeEach(async () => {
  await bench.simulator.control.clearFaults();
  await bench.sql`delete from turns`;
  bench.clock.now = null;
  open.clear();
  open.add("invokeai-backend");
  signals.length = 0;
  await bench.run("checkBackend", {});
  await bench.run("tendLine", { backend: "local", ready: true });
});

const { lineCheckMs, backendRetryMs } = timingsOf({});

async function askWithNewStep(): Promise<{
  stepId: string;
  ticket: number;
  backend: string | null;
}> {
  const { stepId } = await bench.createStep([1]);
  open.add(generationStepId(stepId));
  return { stepId, ...(await bench.run("askForTurn", { stepId })) };
}

const grants = () => signals.filter(({ name }) => name === "turnGranted");
const notified = async (stepId: string) =>
  (await bench.sql`select notified_at from turns where step_id = ${stepId}`)[0]?.["notified_at"];
const advance = (ms: number) =>
  (bench.clock.now = new Date((bench.clock.now ?? new Date()).getTime() + ms));

test("releasing a turn signals the run that gets the next one, with the ticket of its request", async () => {
  const [first, second] = [await askWithNewStep(), await askWithNewStep(), await askWithNewStep()];
  expect([first.backend, second.backend]).toEqual(["local", null]);
  await bench.run("giveTurnBack", { stepId: first.stepId });
  const grant = { ticket: second.ticket, backend: "local" };
  expect(grants()).toEqual([
    { workflowId: generationStepId(second.stepId), name: "turnGranted", grant },
  ]);
  expect(await notified(second.stepId)).toBeTruthy();
});

test("a repeated release grants one turn", async () => {
  const [first, second, third] = [
    await askWithNewStep(),
    await askWithNewStep(),
    await askWithNewStep(),
  ];
  for (let run = 0; run < 2; run++) await bench.run("giveTurnBack", { stepId: first.stepId });
  expect(await bench.run("tendLine", { backend: "local", ready: true })).toEqual({
    holder: generationStepId(second.stepId),
    waiting: 1,
  });
  expect(await notified(third.stepId)).toBeNull();
});

test("a grant whose signal failed is signalled by the next check", async () => {
  const [first, second] = [await askWithNewStep(), await askWithNewStep()];
  open.delete(generationStepId(second.stepId));
  await bench.run("giveTurnBack", { stepId: first.stepId });
  expect(await notified(second.stepId)).toBeNull();
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(grants()).toEqual([]);
  open.add(generationStepId(second.stepId));
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(grants().map(({ grant }) => grant?.ticket)).toEqual([second.ticket]);
});

test("a run that is started again, as after the loss of Temporal's database, keeps its position or its turn", async () => {
  const [first, second, third] = [
    await askWithNewStep(),
    await askWithNewStep(),
    await askWithNewStep(),
  ];
  open.clear();
  await bench.run("tendLine", { backend: "local", ready: true });
  for (const [earlier, position] of [
    [third, 2],
    [first, null],
    [second, 1],
  ] as const) {
    const again = await bench.run("askForTurn", { stepId: earlier.stepId });
    expect(again).toMatchObject({
      ticket: earlier.ticket,
      backend: earlier.backend,
      position,
    });
  }
});

test("a holder without a run keeps its turn until reconcile has had time to start the run, then the next step gets it", async () => {
  const [first, second] = [await askWithNewStep(), await askWithNewStep()];
  open.delete(generationStepId(first.stepId));
  const holder = async () =>
    (await bench.run("tendLine", { backend: "local", ready: true })).holder;
  advance(lineCheckMs + 1);
  expect(await holder()).toBe(generationStepId(first.stepId));
  expect(await notified(first.stepId)).toBeNull();
  advance(3 * lineCheckMs);
  expect(await holder()).toBe(generationStepId(first.stepId));
  advance(lineCheckMs + 1);
  await holder();
  expect(await holder()).toBe(generationStepId(second.stepId));
  expect(grants().map(({ grant }) => grant?.ticket)).toEqual([second.ticket]);
});

test("when a step has ended without releasing its turn, the next step gets it", async () => {
  const [first, second] = [await askWithNewStep(), await askWithNewStep()];
  await bench.sql`update steps set status = 'failed', completed_at = now() where id = ${first.stepId}`;
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(grants().map(({ grant }) => grant?.ticket)).toEqual([second.ticket]);
});

test("the first step in the line checks InvokeAI when the last check is too old, and gets its turn or the reason to wait", async () => {
  advance(backendRetryMs + 1);
  const { stepId, backend } = await askWithNewStep();
  expect(backend).toBeNull();
  expect(await bench.run("askForTurn", { stepId })).toMatchObject({ isUnchecked: true });
  expect(await bench.run("checkAndAskForTurn", { stepId })).toMatchObject({ backend: "local" });

  await bench.run("giveTurnBack", { stepId });
  await bench.simulator.control.addFault({ kind: "unreachable", route: "any" });
  advance(backendRetryMs + 1);
  const next = await askWithNewStep();
  expect(await bench.run("checkAndAskForTurn", { stepId: next.stepId })).toMatchObject({
    backend: null,
    position: 1,
    reason: "InvokeAI does not answer; the check is repeated until it does.",
  });
  expect(signals.map(({ name }) => name)).toContain("checkLine");
  // InvokeAI answers, but its models are not refreshed yet: no turn.
  await bench.simulator.control.clearFaults();
  await bench.run("checkBackend", {});
  expect(await bench.run("askForTurn", { stepId: next.stepId })).toMatchObject({ backend: null });
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(grants().map(({ grant }) => grant?.ticket)).toEqual([next.ticket]);
});

test("a request for the turn of a deleted step fails permanently", async () => {
  const failure = await bench
    .run("askForTurn", { stepId: crypto.randomUUID() })
    .catch((error: unknown) => error);
  expect(failure).toMatchObject({ nonRetryable: true });
});

test("a run that should leave the line is signalled again: its step was overtaken, or may not start any more", async () => {
  const [, moved, behind] = [
    await askWithNewStep(),
    await askWithNewStep(),
    await askWithNewStep(),
  ];
  const left = () => signals.filter(({ name }) => name === "standDown");
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(left()).toEqual([]);
  const now = new Date();
  await bench.sql`update turns set closes_at = ${now.toISOString()}::timestamptz where step_id = ${moved.stepId}`;
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(left().map(({ workflowId }) => workflowId)).toEqual([generationStepId(moved.stepId)]);
  const { stepId } = moved;
  const { askedAtMs } = await bench.run("askForTurn", { stepId });
  const stay = { owner: { stepId }, askedAtMs };
  for (let run = 0; run < 2; run++) expect(await bench.run("leaveLine", stay)).toBe(true);
  signals.length = 0;
  const urgent = await bench.createStep([1]);
  await bench.sql`update steps set priority = 'now', position = 2,
    session_id = (select session_id from steps where id = ${behind.stepId}) where id = ${urgent.stepId}`;
  await bench.run("tendLine", { backend: "local", ready: true });
  expect(left().map(({ workflowId }) => workflowId)).toEqual([generationStepId(behind.stepId)]);
});
