import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Client, WorkflowHandle } from "@temporalio/client";
import type { Payload, PayloadCodec } from "@temporalio/common";
import { generationSessionId, stepCancelled } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { queues } from "#workflows/task-queues";
import { required } from "#tests/support/environment";
import { startWorkflowBench } from "#tests/support/workflow-bench";

// A cancel may arrive after a run has requested a child and before the child is reported as started. The codec below
// sends it at that moment: it delays the completion of the workflow task that requests the child until the cancel was
// accepted. The start of the child afterwards is a race, so several runs are needed for some of them to hit it.
const runs = 10;

const timings = { heartbeatMs: 3_000 };

let bench: Awaited<ReturnType<typeof startWorkflowBench>>;
let client: Client;

/** By a text in the child's arguments: runs before the child is requested. */
const meanwhile = new Map<string, () => Promise<unknown>>();

const codec: PayloadCodec = {
  async encode(payloads: Payload[]) {
    const text = payloads.map(({ data }) => Buffer.from(data ?? []).toString()).join();
    for (const [marker, work] of meanwhile) {
      if (!text.includes(marker)) continue;
      meanwhile.delete(marker);
      await work();
    }
    return payloads;
  },
  decode: async (payloads) => payloads,
};

const asked = new Set<string>();
const made = new Set<string>();
const ends: { stepId: string; ending: unknown }[] = [];

/** Activities whose results lead a run to its child and then to its end. */
const activities = {
  nextStep: async ({ sessionId }: { sessionId: string }) => {
    if (asked.has(sessionId)) return { state: "closed" };
    asked.add(sessionId);
    return { state: "run", stepId: sessionId, summary: "a step" };
  },
  finishSession: async () => {},
  failBrokenStep: async () => {},
  askForTurn: async () => ({
    ticket: 1,
    backend: "local",
    position: null,
    reason: "",
    isIdle: false,
    askedAtMs: 0,
    closesAtMs: null,
    isUnchecked: false,
  }),
  giveTurnBack: async () => {},
  beginStep: async () => ({ state: "live", status: "pending", untried: [] }),
  openAttempt: async ({ stepId }: { stepId: string }) => ({ batchId: stepId, images: 1 }),
  runBatch: async ({ batchId }: { batchId: string }) => {
    const photoIds = made.has(batchId) ? [] : [batchId];
    made.add(batchId);
    return { photoIds };
  },
  fetchImages: async ({ photoIds }: { photoIds: string[] }) => ({
    failed: photoIds.map((photoId) => ({ photoId, after: { attempts: 1, reason: "Away." } })),
    away: [],
  }),
  retrieveImage: async () => ({ state: "completed" }),
  findOpenAttempt: async () => null,
  countImages: async () => ({
    tally: { filled: 1, failed: 0, open: 1, error: null },
    untried: [],
  }),
  endStep: async (end: { stepId: string; ending: unknown }) => void ends.push(end),
};

beforeAll(async () => {
  bench = await startWorkflowBench(activities, required("TEST_TEMPORAL_ADDRESS"), [codec]);
  ({ client } = bench);
}, 60_000);

afterAll(() => bench.stop(), 60_000);

/** How a run ended; `open` when it has not ended within 20 s. */
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
  "a step cancelled while its retrieval is being started ends as cancelled",
  () =>
    each(async () => {
      const stepId = crypto.randomUUID();
      const workflowId = generationStepId(stepId);
      meanwhile.set(`"photoId":"${stepId}","sessionId"`, () =>
        client.workflow.getHandle(workflowId).cancel(),
      );
      const run = await client.workflow.start("generationStep", {
        workflowId,
        taskQueue: queues.main,
        args: [{ stepId, sessionId: crypto.randomUUID(), timings }],
      });
      expect(await endOf(run)).toBe("ended otherwise");
      expect(endingOf(stepId)).toEqual({ status: "cancelled" });
    }).then(() => {}),
  60_000,
);

test(
  "a step cancelled while its run is being started ends as cancelled",
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
  "a session whose run is cancelled by hand while its step is being started ends, and its step with it",
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
