import { ProviderError } from "#errors";
import { findAttempt } from "#db/queries/attempts";
import { findStep, noteStepMessage } from "#db/queries/steps";
import { createBatchFollower } from "./batch-follower";
import type { ActivityDeps } from "./deps";
import { pause, withHeartbeat } from "./heartbeat";
import { isOver, recordImages } from "./record-images";
import { waitingWords } from "./waiting";

type Seen = { photoIds: string[]; ended: boolean };

/** Without a word from the socket the batch is looked at so often. */
const lookEveryMs = 1_000;
/** So many looks in a row must find nothing before a batch that was there counts as gone. */
const looksUntilGone = 3;

/** Looks after a batch on the server: what it has made gets its rows. */
export function createWatchActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  const follow = createBatchFollower(deps);

  async function watchBatch({ batchId }: { batchId: string }, signal: AbortSignal): Promise<Seen> {
    const attempt = await findAttempt(db, batchId);
    const step = attempt && (await findStep(db, attempt.stepId));
    if (!attempt || !step || attempt.settledAt) return { photoIds: [], ended: true };
    let wake = () => {};
    // A word of an earlier try, or of this one, goes as soon as InvokeAI answers.
    let message = step.progressMessage;
    const say = async (words: string | null) => {
      if (words !== message) await noteStepMessage(db, { stepId: step.id, message: words });
      message = words;
    };
    const progress = await follow({ step, attempt }, () => wake());
    try {
      for (let misses = 0; ;) {
        const moved = new Promise<void>((resolve) => (wake = resolve));
        const look = await lookAt(batchId, attempt.backend, signal);
        if (look instanceof ProviderError) {
          await say(waitingWords(look));
        } else {
          await say(null);
          const { items, unreadable } = look;
          misses = items.length === 0 ? misses + 1 : 0;
          const photoIds = await recordImages(deps, { step, attempt, items });
          progress.itemsSeen(items);
          // What InvokeAI cannot load never ends, and nothing behind it begins.
          const isStuck = unreadable > 0;
          const ended =
            isStuck || (items.length === 0 ? misses >= looksUntilGone : items.every(isOver));
          if (photoIds.length > 0 || ended) return { photoIds, ended };
        }
        await Promise.race([moved, pause(lookEveryMs, signal)]);
      }
    } finally {
      await progress.leave();
    }
  }

  async function lookAt(batchId: string, backend: string, signal: AbortSignal) {
    try {
      const invokeai = await deps.invokeai(backend);
      return await invokeai.listBatchItems(batchId, signal);
    } catch (error) {
      // It may be starting again; the batch is looked for until it answers.
      if (error instanceof ProviderError && error.retryable) return error;
      throw error;
    }
  }

  return {
    /** Returns as soon as there are new images, or when nothing more will come. */
    watchBatch: (input: { batchId: string }): Promise<Seen> =>
      withHeartbeat((signal) => watchBatch(input, signal)),
  };
}
