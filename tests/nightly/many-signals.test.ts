import { afterAll, expect, test } from "bun:test";
import type { SignalDefinition } from "@temporalio/common";
import { generationSessionId, stepRequested } from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { checkLine, invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { photoReproductionId, reproductionRequested } from "#workflows/photo-reproduction/contract";
import { photoRetrievalId, retryNow } from "#workflows/photo-retrieval/contract";
import { queues } from "#workflows/task-queues";
import { turnGranted } from "#workflows/turn/contract";
import { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";
import { startWorkflowBench } from "#tests/support/workflow-bench";

// Temporal's default limit is 10 000 signals per run; ours continue as new after 1 000.
const mostSignals = 30;
const timings = { maxSignalsPerRun: 10, retrievalDelayMs: 600_000, retrievalMaxDelayMs: 600_000 };
const burst = 5;
const bursts = 12;

const temporal = await startTemporalServer({
  "history.maximumSignalsPerExecution": mostSignals,
});

const { client, stop } = await startWorkflowBench(
  {
    nextStep: async () => ({ state: "idle" }),
    beginStep: async () => ({ state: "live", status: "pending", untried: [] }),
    askForTurn: async () => ({
      ticket: 0,
      backend: null,
      position: 1,
      reason: "Another step is being generated.",
      isIdle: false,
      askedAtMs: 0,
      closesAtMs: null,
      isUnchecked: false,
    }),
    tendLine: async () => ({ holder: null, waiting: 0 }),
    checkBackend: async () => ({ backend: "local", ready: false, reason: "Away." }),
    tendPod: async () => ({ hasChanged: false, isOpen: true, pauseMs: null }),
    retrieveImage: async () => ({ state: "waiting", attempts: 1, reason: "Away." }),
    nextReproduction: async ({ photoId }: { photoId: string }) => ({
      state: "judged",
      reproductionId: photoId,
    }),
    dropReproducedImage: () => Bun.sleep(50),
  },
  temporal.address,
);

afterAll(async () => {
  await stop();
  await temporal.stop();
}, 60_000);

const id = crypto.randomUUID();

async function countSignals(workflowId: string): Promise<number> {
  const { events } = await client.workflow.getHandle(workflowId).fetchHistory();
  return (events ?? []).filter((event) => event.workflowExecutionSignaledEventAttributes).length;
}

type Kind = {
  type: string;
  workflowId: string;
  input: object;
  signal: SignalDefinition<any[]>;
  args: (number: number) => object[];
};

const kinds: Record<string, Kind> = {
  "a session": {
    type: "generationSession",
    workflowId: generationSessionId(id),
    input: { sessionId: id },
    signal: stepRequested,
    args: () => [{ stepId: id }],
  },
  "a step that waits for its turn": {
    type: "generationStep",
    workflowId: generationStepId(id),
    input: { stepId: id, sessionId: id },
    // Grants for other tickets than the run's own.
    signal: turnGranted,
    args: (number) => [{ ticket: number + 1, backend: "local" }],
  },
  "the backend": {
    type: "invokeaiBackend",
    workflowId: invokeaiBackendId,
    input: {},
    signal: checkLine,
    args: () => [],
  },
  "a retrieval": {
    type: "photoRetrieval",
    workflowId: photoRetrievalId(id),
    input: { photoId: id },
    signal: retryNow,
    args: () => [],
  },
  "a reproduction": {
    type: "photoReproduction",
    workflowId: photoReproductionId(id),
    input: { photoId: id },
    signal: reproductionRequested,
    args: () => [],
  },
};

for (const [name, kind] of Object.entries(kinds)) {
  const { type, workflowId, input, signal, args } = kind;
  test(`${name} accepts any number of signals`, async () => {
    const options = { taskQueue: queues.main, workflowId, args: [{ ...input, timings }] };
    const run = await client.workflow.start(type, options);
    for (let sent = 0; sent < burst * bursts;) {
      for (const end = sent + burst; sent < end; sent++) await run.signal(signal, ...args(sent));
      await until("a run below its limit of signals", async () => {
        return (await countSignals(workflowId)) < 2 * timings.maxSignalsPerRun;
      });
    }
    const latest = client.workflow.getHandle(workflowId);
    expect((await latest.describe()).runId).not.toBe(run.firstExecutionRunId);
    await latest.terminate();
  }, 60_000);
}
