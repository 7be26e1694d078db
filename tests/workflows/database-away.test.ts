import { afterAll, expect, test } from "bun:test";
import { generationSessionId, sessionFinished } from "#workflows/generation-session/contract";
import { queues } from "#workflows/task-queues";
import { required } from "#tests/support/environment";
import { until } from "#tests/support/wait";
import { startWorkflowBench } from "#tests/support/workflow-bench";

let isAway = false;
let calls = 0;

const { client, stop } = await startWorkflowBench(
  {
    nextStep: async () => {
      calls += 1;
      if (isAway) throw new Error("The database does not answer.");
      return { state: calls === 1 ? "idle" : "closed" };
    },
    finishSession: async () => {},
  },
  required("TEST_TEMPORAL_ADDRESS"),
);

afterAll(stop, 60_000);

test("a run waits for a database that is away without adding events to its history", async () => {
  const sessionId = crypto.randomUUID();
  const run = await client.workflow.start("generationSession", {
    workflowId: generationSessionId(sessionId),
    taskQueue: queues.main,
    args: [{ sessionId }],
  });
  const kinds = async () =>
    ((await run.fetchHistory()).events ?? []).map(({ eventType }) => eventType);
  await until("a session that waits", () => calls === 1);
  isAway = true;
  await run.signal(sessionFinished);
  await until("several attempts", () => calls >= 5, 30_000);
  const during = await kinds();
  await until("two more attempts", () => calls >= 7, 30_000);
  expect(await kinds()).toEqual(during);
  expect(during.length).toBeLessThan(20);
  isAway = false;
  await run.result();
}, 90_000);
