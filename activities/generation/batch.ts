import { findAttempt } from "#db/queries/steps/attempts";
import type { Tally } from "#workflows/generation-step/contract";
import { isGone } from "../backend/places";
import type { ActivityDeps } from "../deps";
import { createEnqueueActivities } from "./enqueue";
import { createSettleActivities } from "./settle";
import { createSourceActivities } from "./source";
import { createWatchActivities } from "./watch";

type BatchInput = { batchId: string; graceMs: number };
/** `tally`: set once the batch has ended and is settled. */
type Progress = { photoIds: string[]; tally?: Tally };

/** Nothing of a batch is left where it ran. */
const over = { photoIds: [], ended: true, isWhole: false };

/** A batch from sending to settling. Each activity may run twice. A batch whose place has ended is only settled. */
export function createBatchActivities(deps: ActivityDeps) {
  const { uploadSource } = createSourceActivities(deps);
  const { enqueueBatch, cancelBatch } = createEnqueueActivities(deps);
  const { watchBatch } = createWatchActivities(deps);
  const { settleAttempt } = createSettleActivities(deps);

  return {
    /**
     * Continues a batch from its rows: sends, watches and settles it. Returns when there are new images, and when it
     * has ended.
     */
    async runBatch({ batchId, graceMs }: BatchInput): Promise<Progress> {
      const sendAndWatch = async () => {
        const attempt = await findAttempt(deps.database.db, batchId);
        if (attempt && !attempt.acceptedAt && !attempt.settledAt) {
          await uploadSource({ batchId });
          await enqueueBatch({ batchId, graceMs });
        }
        return watchBatch({ batchId });
      };
      const { ended, photoIds, isWhole } = await unlessGone(sendAndWatch, over);
      // Settling with missing images takes time: return first, so that the existing ones are fetched meanwhile.
      if (!ended || (photoIds.length > 0 && !isWhole)) return { photoIds };
      return { photoIds, tally: await settleAttempt({ batchId, isWhole }) };
    },

    cancelBatch: (input: Parameters<typeof cancelBatch>[0]) =>
      unlessGone(() => cancelBatch(input), { wasSent: false }),
    watchBatch: (input: Parameters<typeof watchBatch>[0]) =>
      unlessGone(() => watchBatch(input), over),
    settleAttempt,
  };
}

/** `otherwise`: the result if the place of the batch has ended. */
async function unlessGone<T>(work: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (isGone(error)) return otherwise;
    throw error;
  }
}
