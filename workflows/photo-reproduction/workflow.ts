import {
  CancellationScope,
  continueAsNew,
  isCancellation,
  ContinueAsNew,
  proxyActivities,
  setHandler,
  sleep,
  workflowInfo,
} from "@temporalio/workflow";
import type { Activities } from "#activities/index";
import { showStatus } from "../lib/run-status";
import { createTurn } from "../turn/turn";
import { queues } from "../task-queues";
import { timingsOf } from "../timings";
import { type Impossible, type PhotoReproductionInput, reproductionRequested } from "./contract";
import { maxBatches, reasonOf } from "./policy";

// Rows only, no outside service: retried until the database answers, however long that takes.
const rows = proxyActivities<Activities>({
  startToCloseTimeout: "30 seconds",
  retry: { initialInterval: "500ms", maximumInterval: "10 seconds" },
});

/** Runs a photo's recorded graph again and records the verdict, for each request in its rows. */
export async function photoReproduction(input: PhotoReproductionInput): Promise<void> {
  const { photoId } = input;
  const timings = timingsOf(input);
  const turn = createTurn({ photoId }, timings, showStatus);

  // InvokeAI may be down for hours: retried until it answers.
  const retry = { initialInterval: "1 second", maximumInterval: "30 seconds" } as const;
  const heartbeatTimeout = timings.heartbeatMs;
  const invokeai = proxyActivities<Activities>({
    taskQueue: queues.generation,
    startToCloseTimeout: "1 day",
    heartbeatTimeout,
    retry,
  });
  // Holds the pixels of two pictures.
  const { compareReproduction } = proxyActivities<Activities>({
    taskQueue: queues.images,
    startToCloseTimeout: "30 minutes",
    heartbeatTimeout,
    retry,
  });

  let requests = 0;
  setHandler(reproductionRequested, () => void requests++);

  for (;;) {
    const seen = requests;
    const next = await rows.nextReproduction({ photoId });
    if (next.state === "none") {
      if (requests === seen) break;
      continue;
    }
    const { reproductionId } = next;
    if (next.state === "open") await judge(reproductionId);
    await invokeai.dropReproducedImage({ reproductionId });
    // Open requests are in the rows.
    if (workflowInfo().continueAsNewSuggested || requests >= timings.maxSignalsPerRun) {
      await continueAsNew<typeof photoReproduction>(input);
    }
  }
  showStatus("completed", "The verdict is on the photo.");

  async function judge(reproductionId: string): Promise<void> {
    let impossible: Impossible | undefined;
    try {
      impossible = await reproduce(reproductionId);
    } catch (error) {
      if (error instanceof ContinueAsNew) throw error;
      if (isCancellation(error)) {
        await CancellationScope.nonCancellable(() => turn.release());
        throw error;
      }
      impossible = reasonOf(error);
    }
    await turn.release();
    if (impossible) await rows.judgeImpossible({ reproductionId, reason: impossible });
  }

  function takeTurn(): Promise<string> {
    const again = () => continueAsNew<typeof photoReproduction>(input);
    // A reproduction has no window, and nothing overtakes it.
    return turn.take({ continueAsNew: again, standDown: again });
  }

  /** Returns why there is no verdict on pixels; undefined where there is one. */
  async function reproduce(reproductionId: string): Promise<Impossible | undefined> {
    let backend = await takeTurn();
    for (let batches = 1; batches <= maxBatches; batches += 1) {
      showStatus("generating", "InvokeAI is asked to run the recorded graph again.");
      const prepared = await invokeai.prepareReproduction({ reproductionId, backend });
      if (prepared.state === "impossible") return prepared.reason;
      if (prepared.state === "gone") {
        await turn.release();
        backend = await takeTurn();
        continue;
      }
      const { batchId } = prepared;
      await invokeai.sendReproduction({ batchId, graceMs: timings.enqueueGraceMs });
      const ended = await invokeai.watchReproduction({ batchId });
      if (ended.state === "impossible") return ended.reason;
      if (ended.state === "made") {
        showStatus("comparing", "Made again; the two pictures are compared.");
        const compared = await compareReproduction({ batchId });
        if (compared.state === "judged") return undefined;
      }
      showStatus("generating", "Interrupted: the picture is requested again.");
      await rows.closeReproduction({ batchId });
      await sleep(timings.interruptedPauseMs * batches);
    }
    return "interrupted";
  }
}
