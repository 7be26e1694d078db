import { afterAll, beforeAll, expect, test } from "bun:test";
import { generationStepId } from "#workflows/generation-step/contract";
import { photoReproductionId } from "#workflows/photo-reproduction/contract";
import { photoRetrievalId } from "#workflows/photo-retrieval/contract";
import { queues } from "#workflows/task-queues";
import { required } from "#tests/support/environment";
import { startWorkflowBench } from "#tests/support/workflow-bench";

/** The first turn is at a pod that has ended, the others at another one. */
const places = (turns: number) => (turns === 1 ? "pod:ended" : "pod:next");

/** What each run asked for, by its entity. */
const calls = new Map<string, string[]>();

/**
 * Records a call and returns how often it was made so far. A call that follows itself is the same one: a local activity
 * runs again with its workflow task, for example when an event arrives as the run completes.
 */
const note = (id: string, call: string) => {
  const before = calls.get(id) ?? [];
  const noted = before.at(-1) === call ? before : [...before, call];
  calls.set(id, noted);
  return noted.filter((one) => one === call).length;
};

const tallyOf = (open: number) => ({ filled: 2 - open, failed: 0, open, error: null });

const activities = {
  beginStep: async () => ({ state: "live", status: "pending", untried: [] }),
  async askForTurn(owner: { stepId?: string; photoId?: string }) {
    const turns = note(owner.stepId ?? owner.photoId ?? "", "ask");
    return {
      ticket: turns,
      backend: places(turns),
      position: null,
      reason: "",
      isIdle: false,
      askedAtMs: 0,
      closesAtMs: null,
      isUnchecked: false,
    };
  },
  async giveTurnBack(owner: { stepId?: string; photoId?: string }) {
    note(owner.stepId ?? owner.photoId ?? "", "release");
  },
  async openAttempt({ stepId, backend }: { stepId: string; backend: string }) {
    note(stepId, `open at ${backend}`);
    return backend === "pod:ended" ? "gone" : { batchId: stepId, images: 2 };
  },
  runBatch: async ({ batchId }: { batchId: string }) => {
    const runs = note(batchId, "run");
    return { photoIds: [`${batchId}:${runs}`], tally: tallyOf(0) };
  },
  // The image of the first batch is lost with its place; that of the second is on a volume without a pod.
  async fetchImages({ photoIds: [photoId = ""] }: { photoIds: string[] }) {
    return { failed: [], away: photoId.endsWith(":2") ? [photoId] : [] };
  },
  async countImages({ stepId }: { stepId: string }) {
    const isAgain = calls.get(stepId)?.filter((call) => call === "run").length === 2;
    return { tally: tallyOf(isAgain ? 0 : 1), untried: isAgain ? [`${stepId}:2`] : [] };
  },
  retrieveImage: async ({ photoId }: { photoId: string }) => {
    note(photoId, "retrieve");
    return { state: "completed" };
  },
  async endStep({ stepId, ending }: { stepId: string; ending: { status: string } }) {
    note(stepId, ending.status);
  },
  async nextReproduction({ photoId }: { photoId: string }) {
    const isJudged = calls.get(photoId)?.includes("judged");
    return isJudged ? { state: "none" } : { state: "open", reproductionId: photoId };
  },
  async prepareReproduction(input: { reproductionId: string; backend: string }) {
    note(input.reproductionId, `prepare at ${input.backend}`);
    return input.backend === "pod:ended"
      ? { state: "gone" }
      : { state: "ready", batchId: input.reproductionId };
  },
  sendReproduction: async () => {},
  watchReproduction: async () => ({ state: "made" }),
  async compareReproduction({ batchId }: { batchId: string }) {
    note(batchId, "judged");
    return { state: "judged" };
  },
  dropReproducedImage: async () => {},
};

let bench: Awaited<ReturnType<typeof startWorkflowBench>>;
beforeAll(async () => {
  bench = await startWorkflowBench(activities, required("TEST_TEMPORAL_ADDRESS"));
}, 60_000);
afterAll(() => bench.stop(), 60_000);

const run = (type: string, workflowId: string, input: object) =>
  bench.client.workflow.execute(type, {
    workflowId,
    taskQueue: queues.main,
    args: [{ ...input, timings: { heartbeatMs: 3_000, interruptedPauseMs: 10 } }],
  });

test("a step whose place has ended asks for another turn, and again for an image that was lost; it does not wait for one whose place is not running", async () => {
  const stepId = crypto.randomUUID();
  await run("generationStep", generationStepId(stepId), { stepId, sessionId: crypto.randomUUID() });
  expect(calls.get(stepId)).toEqual([
    "ask",
    "open at pod:ended",
    "release",
    "ask",
    "open at pod:next",
    "run",
    "release",
    "ask",
    "open at pod:next",
    "run",
    "release",
    "completed",
  ]);
  await bench.client.workflow.getHandle(photoRetrievalId(`${stepId}:2`)).result();
  expect(calls.get(`${stepId}:2`)).toEqual(["retrieve"]);
}, 30_000);

test("a reproduction whose place has ended asks for another turn", async () => {
  const photoId = crypto.randomUUID();
  await run("photoReproduction", photoReproductionId(photoId), { photoId });
  expect(calls.get(photoId)).toEqual([
    "ask",
    "prepare at pod:ended",
    "release",
    "ask",
    "prepare at pod:next",
    "judged",
    "release",
  ]);
}, 30_000);
