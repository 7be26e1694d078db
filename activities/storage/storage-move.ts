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

type Input = { moveId: string; afterId: string | null; settleMs: number; lateMs: number };

export function createStorageMoveActivities(deps: ActivityDeps) {
  const { database, places, now } = deps;
  const { db } = database;

  return {
    /** Takes a move one page of photos on. What it waits for is noted in its row. */
    advanceStorageMove: ({ moveId: id, afterId, ...waits }: Input): Promise<MoveView> =>
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
          const move = await findMove(db, id);
          const status = move?.status ?? "cancelled";
          const message = move
            ? describeMove(move, await countMoved(db))
            : "There is no such move.";
          return { status, message, ...progress };
        } catch (error) {
          if (error instanceof AppError) await noteMoveMessage(db, { id, message: error.message });
          throw error;
        }
      }, silenceMs),
  };
}
