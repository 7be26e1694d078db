import { afterAll, beforeAll, expect, test } from "bun:test";
import { Client, Connection, type WorkflowHandle } from "@temporalio/client";
import type { Payload, PayloadCodec } from "@temporalio/common";
import { NativeConnection, Worker } from "@temporalio/worker";
import { ensureNamespace } from "#activities/namespace";
import { generationSessionId, stepCancelled } from "#workflows/generation-session/contract";
import { generationStepId, turnGranted } from "#workflows/generation-step/contract";
import { queues } from "#workflows/task-queues";
import { required } from "#tests/support/environment";

// A cancel may come between the moment a run asks for a child and the moment the child is told to have started. The
// codec below makes it come just then: it holds the answer of the workflow task that asks until the cancel was taken. How soon
// the server starts the child afterwards is a race: several runs, so that some of them meet it.
const runs = 10;

const namespace = `cancel-meets-child-${crypto.randomUUID()}`;
const timings = { heartbeatMs: 3_000 };

let connection: Connection;
let native: NativeConnection;
let client: Client;
let workers: Worker[];
let working: Promise<unknown>;

/** By the text that the arguments of a child hold: what is to happen before it is asked for. */
const meanwhile = new Map<string, () => Promise<unknown>>();

const codec: PayloadCodec = {
  async encode(payloads: Payload[]) {
    const text = payloads.map(({ data }) => Buffer.from(data ?? []).toString()).join();
    for (const [marker, happen] of meanwhile) {
      if (!text.includes(marker)) continue;
      meanwhile.delete(marker);
      await happen();
    }
    return payloads;
  },
  decode: async (payloads) => payloads,
};

const asked = new Set<string>();
const ends: { stepId: string; ending: unknown }[] = [];

/** The answers of rows and of InvokeAI that lead a run to its child, and out again. */
const activities = {
  nextStep: async ({ sessionId }: { sessionId: string }) => {
    if (asked.has(sessionId)) return { state: "closed" };
    asked.add(sessionId);
    return { state: "run", stepId: sessionId, summary: "a step" };
  },
  finishSession: async () => {},
  failBrokenStep: async () => {},
  beginStep: async () => ({ state: "run", status: "pending", hasSource: false }),
  openAttempt: async ({ stepId }: { stepId: string }) => ({ batchId: stepId, images: 1 }),
  enqueueBatch: async () => {},
  watchBatch: async ({ batchId }: { batchId: string }) => ({ photoIds: [batchId], ended: false }),
  retrieveImage: async () => ({ state: "completed" }),
  findOpenAttempt: async () => null,
  listUntriedRetrievals: async () => [],
  tallySlots: async () => ({ filled: 1, failed: 0, open: 1, error: null }),
  endStep: async (end: { stepId: string; ending: unknown }) => void ends.push(end),
};

beforeAll(async () => {
  const address = required("TEST_TEMPORAL_ADDRESS");
  connection = await Connection.connect({ address });
  await ensureNamespace(connection, namespace);
  client = new Client({ connection, namespace });
  native = await NativeConnection.connect({ address });
  const shared = {
    connection: native,
    namespace,
    activities,
    dataConverter: { payloadCodecs: [codec] },
  };
  workers = await Promise.all([
    Worker.create({
      ...shared,
      taskQueue: queues.main,
      workflowBundle: { codePath: required("TEST_WORKFLOW_BUNDLE") },
      maxCachedWorkflows: 50,
    }),
    Worker.create({ ...shared, taskQueue: queues.images }),
  ]);
  working = Promise.all(workers.map((worker) => worker.run()));
}, 60_000);

afterAll(async () => {
  for (const worker of workers) worker.shutdown();
  await working;
  await native.close();
  await connection.close();
}, 60_000);

/** How a run ended; `open` when it has not after a long while. */
async function endOf(handle: WorkflowHandle): Promise<string> {
  const end = handle.result().then(
    () => "completed",
    () => "ended otherwise",
  );
  return Promise.race([end, Bun.sleep(20_000).then(() => "open")]);
}

const each = (once: () => Promise<void>) => Promise.all(Array.from({ length: runs }, once));

const endingOf = (stepId: string) => ends.find((end) => end.stepId === stepId)?.ending;

test(
  "a step that is cancelled while a retrieval of its is about to start ends all the same",
  () =>
    each(async () => {
      const stepId = crypto.randomUUID();
      const workflowId = generationStepId(stepId);
      meanwhile.set(`"stepWorkflowId":"${workflowId}"`, () =>
        client.workflow.getHandle(workflowId).cancel(),
      );
      const run = await client.workflow.signalWithStart("generationStep", {
        workflowId,
        taskQueue: queues.main,
        args: [{ stepId, sessionId: crypto.randomUUID(), timings }],
        signal: turnGranted,
        signalArgs: [{ backend: "local" }],
      });
      expect(await endOf(run)).toBe("ended otherwise");
      expect(endingOf(stepId)).toEqual({ status: "cancelled" });
    }).then(() => {}),
  60_000,
);

test(
  "a step that is cancelled while its run is about to start never goes on",
  () =>
    each(async () => {
      const sessionId = crypto.randomUUID();
      const workflowId = generationSessionId(sessionId);
      meanwhile.set(`"stepId":"${sessionId}","sessionId"`, () =>
        client.workflow.getHandle(workflowId).signal(stepCancelled, { stepId: sessionId }),
      );
      const run = await client.workflow.start("generationSession", {
        workflowId,
        taskQueue: queues.main,
        args: [{ sessionId, timings }],
      });
      expect(await endOf(run)).toBe("completed");
      expect(endingOf(sessionId)).toEqual({ status: "cancelled" });
    }).then(() => {}),
  60_000,
);

test(
  "a session that is cancelled by hand while its step is about to start ends, and its step with it",
  () =>
    each(async () => {
      const sessionId = crypto.randomUUID();
      const workflowId = generationSessionId(sessionId);
      meanwhile.set(`"stepId":"${sessionId}","sessionId"`, () =>
        client.workflow.getHandle(workflowId).cancel(),
      );
      const run = await client.workflow.start("generationSession", {
        workflowId,
        taskQueue: queues.main,
        args: [{ sessionId, timings }],
      });
      expect(await endOf(run)).toBe("ended otherwise");
      expect(endingOf(sessionId)).toEqual({ status: "cancelled" });
    }).then(() => {}),
  60_000,
);
