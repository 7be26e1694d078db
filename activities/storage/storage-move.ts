import { log } from "@temporalio/activity";
import { countMoved } from "#db/queries/storage/moved-originals";
import { findMove, noteMoveMessage } from "#db/queries/storage/storage-moves";
import { AppError } from "#errors";
import { advanceMove } from "#library/move/advance";
import { describeMove } from "#library/move/describe";
import type { MoveView } from "#workflows/storage-move/contract";
import type { ActivityDeps } from "../deps";
import { noteProgress, withHeartbeat } from "../heartbeat";

/** A large original is sent to the store without a sign in between. */
const silenceMs = 60 * 60_000;

type Input = {
  moveId: string;
  afterId: string | null;
  settleMs: number;
  lateMs: number;
  retryMs: number;
};

export function createStorageMoveActivities(deps: ActivityDeps) {
  const { database, places, now } = deps;
  const { db } = database;

  async function show(id: string): Promise<Pick<MoveView, "status" | "message">> {
    const move = await findMove(db, id);
    return {
      status: move?.status ?? "cancelled",
      message: move ? describeMove(move, await countMoved(db)) : "There is no such move.",
    };
  }

  return {
    /**
     * Takes a move one page of photos on. A full disk, a store that is away, an unmounted volume: what it waits for is in
     * its row, an event, the log and the run, and it is tried again later.
     */
    advanceStorageMove: ({ moveId: id, afterId, retryMs, ...waits }: Input): Promise<MoveView> =>
      withHeartbeat(async (signal) => {
        try {
          const work = {
            database,
            places,
            now,
            ...waits,
            onProgress: () => noteProgress(),
            signal,
          };
          const progress = await advanceMove(work, { id, afterId });
          await noteMoveMessage(db, { id, message: null });
          return { ...(await show(id)), ...progress };
        } catch (error) {
          if (!(error instanceof AppError)) throw error;
          const isNews = await noteMoveMessage(db, { id, message: error.message });
          if (isNews) log.warn("the move of the photos waits", { error });
          return { ...(await show(id)), afterId, next: { waitMs: retryMs } };
        }
      }, silenceMs),
  };
}
