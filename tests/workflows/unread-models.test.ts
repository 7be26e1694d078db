import { afterAll, beforeAll, expect, test } from "bun:test";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { queues } from "#workflows/task-queues";
import { required } from "#tests/support/environment";
import { until } from "#tests/support/wait";
import { startWorkflowBench } from "#tests/support/workflow-bench";

let listsModels = false;
let podChecks = 0;
let failedReads = 0;
const readiness: boolean[] = [];

const activities = {
  async tendPod() {
    podChecks += 1;
    return { hasChanged: false, isOpen: true, pauseMs: 10 };
  },
  checkBackend: async () => ({ backend: "volume:a", ready: true, reason: "InvokeAI answers." }),
  async syncModels() {
    if (listsModels) return {};
    failedReads += 1;
    throw new Error("InvokeAI failed with status 404.");
  },
  async tendLine({ ready }: { ready: boolean }) {
    readiness.push(ready);
    return { holder: null, waiting: 1 };
  },
};

let bench: Awaited<ReturnType<typeof startWorkflowBench>>;
beforeAll(async () => {
  bench = await startWorkflowBench(activities, required("TEST_TEMPORAL_ADDRESS"));
}, 60_000);
afterAll(() => bench.stop(), 60_000);

test("while InvokeAI does not list its models, its pod is tended and no turn is granted; once it does, turns are", async () => {
  const timings = { backendRetryMs: 20, backendCheckMs: 20, lineCheckMs: 20 };
  const run = await bench.client.workflow.start("invokeaiBackend", {
    workflowId: invokeaiBackendId,
    taskQueue: queues.main,
    args: [{ timings }],
  });
  await until("three reads that failed", () => failedReads >= 3);
  expect(podChecks).toBeGreaterThanOrEqual(3);
  expect(readiness).not.toContain(true);
  listsModels = true;
  await until("a line with turns", () => readiness.includes(true));
  await run.terminate();
}, 60_000);
