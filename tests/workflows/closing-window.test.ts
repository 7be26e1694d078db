import { afterAll, expect, test } from "bun:test";
import { generationSessionId, stepRequested } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { queues } from "#workflows/task-queues";
import { turnGranted } from "#workflows/turn/contract";
import { required } from "#tests/support/environment";
import { until } from "#tests/support/wait";
import { startWorkflowBench } from "#tests/support/workflow-bench";

const stepId = crypto.randomUUID();
const granted = crypto.randomUUID();
const askedAtMs = 1_000;
let isOpen = true;
let isClosed = false;
let timesRun = 0;
let ticket = 0;
const left: unknown[] = [];
const sentTo: string[] = [];

const { client, stop } = await startWorkflowBench(
  {
    async nextStep() {
      if (isClosed) return { state: "closed" };
      if (!isOpen)
        return { state: "later", untilMs: Date.now() + 3_600_000, stepId, reason: "Later." };
      timesRun++;
      return { state: "run", stepId, summary: "" };
    },
    finishSession: async () => {},
    beginStep: async () => ({ state: "live", status: "pending", untried: [] }),
    askForTurn: async () => ({
      ticket: ++ticket,
      backend: null,
      position: 1,
      reason: "",
      isIdle: false,
      askedAtMs,
      closesAtMs: Date.now() + 200,
      isUnchecked: false,
    }),
    async leaveLine(stay: { owner: { stepId: string } }) {
      left.push(stay);
      isOpen = false;
      return stay.owner.stepId !== granted;
    },
    async openAttempt({ backend }: { backend: string }) {
      sentTo.push(backend);
      return "gone";
    },
    giveTurnBack: async () => {},
  },
  required("TEST_TEMPORAL_ADDRESS"),
);

afterAll(stop, 60_000);

test("a step whose window closes leaves the line by itself, and its session sleeps until a step may start", async () => {
  const sessionId = crypto.randomUUID();
  const session = await client.workflow.start("generationSession", {
    taskQueue: queues.main,
    workflowId: generationSessionId(sessionId),
    args: [{ sessionId }],
  });
  const step = client.workflow.getHandle(generationStepId(stepId));
  await until("a step that left", () => left.length > 0);
  await step.result();
  expect(left).toEqual([{ owner: { stepId }, askedAtMs }]);
  expect((await session.describe()).status.name).toBe("RUNNING");
  expect(timesRun).toBe(1);
  isOpen = true;
  await session.signal(stepRequested, { stepId });
  await until("the step again", () => left.length > 1);
  isClosed = true;
  await session.signal(stepRequested, { stepId });
  await session.result();
}, 60_000);

test("a step that is granted its turn while its window closes keeps the turn", async () => {
  left.length = 0;
  const run = await client.workflow.start("generationStep", {
    taskQueue: queues.main,
    workflowId: generationStepId(granted),
    args: [{ stepId: granted, sessionId: granted }],
  });
  await until("a step that wants to leave", () => left.length > 0);
  await run.signal(turnGranted, { ticket, backend: "local" });
  await until("a batch", () => sentTo.length > 0);
  expect(sentTo[0]).toBe("local");
  await run.terminate();
}, 60_000);
