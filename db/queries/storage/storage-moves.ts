import {
  and,
  type AnyColumn,
  asc,
  desc,
  eq,
  getTableColumns,
  gt,
  inArray,
  max,
  type SQL,
  sql,
} from "drizzle-orm";
import type { Db, Tx } from "../../client";
import {
  movedOriginals,
  type StorageMove,
  storageMoves,
  type StoragePlace,
} from "../../schema/storage-moves";
import { insertEvents } from "../events/events";

/** Statuses with a run that works on them. */
const open = inArray(storageMoves.status, ["copying", "switching", "forgetting"]);

/** The newest move: it says where the files of the library are. */
export async function findNewestMove(db: Db | Tx): Promise<StorageMove | undefined> {
  const [row] = await db
    .select()
    .from(storageMoves)
    .orderBy(desc(storageMoves.startedAt), desc(storageMoves.id))
    .limit(1);
  return row;
}

const ageOf = (column: AnyColumn) =>
  sql<number>`extract(epoch from clock_timestamp() - ${column}) * 1000`.mapWith(Number);

/** With the times since its beginning and its switch, by the database's clock: it is the same for all machines. */
export async function findMove(db: Db, id: string) {
  const [row] = await db
    .select({
      ...getTableColumns(storageMoves),
      sinceStartMs: ageOf(storageMoves.startedAt),
      sinceSwitchMs: ageOf(storageMoves.switchedAt),
    })
    .from(storageMoves)
    .where(eq(storageMoves.id, id));
  return row;
}

/** The moves that need a run. */
export function listOpenMoves(
  db: Db,
  params: { afterId: string | null; limit: number },
): Promise<{ id: string }[]> {
  const after = params.afterId === null ? undefined : gt(storageMoves.id, params.afterId);
  return db
    .select({ id: storageMoves.id })
    .from(storageMoves)
    .where(and(open, after))
    .orderBy(asc(storageMoves.id))
    .limit(params.limit);
}

/** Begins a move; false while another one is open. */
export async function beginMove(
  db: Db,
  move: { id: string; source: StoragePlace; target: StoragePlace },
): Promise<boolean> {
  // The newest one counts, also after the clock was set back.
  const last = db.select({ at: max(storageMoves.startedAt) }).from(storageMoves);
  const startedAt = sql`greatest(now(), (${last}) + interval '1 millisecond')`;
  return db.transaction(async (tx) => {
    const [row] = await tx
      .insert(storageMoves)
      .values({ ...move, startedAt })
      .onConflictDoNothing()
      .returning();
    if (!row) return false;
    await tx.delete(movedOriginals);
    await insertEvents(tx, [eventOf("started", row)]);
    return true;
  });
}

/** From now on new files go to the target. */
export const switchMove = (db: Db, id: string) =>
  advance(
    db,
    { id, from: "copying", to: "switching", event: "switched" },
    { switchedAt: sql`now()` },
  );

/** The source is only kept. */
export const completeMove = (db: Db, params: { id: string; now: Date }) =>
  advance(
    db,
    { id: params.id, from: "switching", to: "completed", event: "completed" },
    {
      endedAt: params.now,
      message: null,
    },
  );

/** Only while everything is still read and written at the source. */
export const cancelMove = (db: Db, params: { id: string; now: Date }) =>
  advance(
    db,
    { id: params.id, from: "copying", to: "cancelled", event: "cancelled" },
    {
      endedAt: params.now,
      message: null,
    },
  );

/** Asks for the old copy to be deleted, or with `keepsFiles` only to be used no more. */
export const requestForgetting = (
  db: Db,
  { id, keepsFiles }: { id: string; keepsFiles: boolean },
) =>
  advance(
    db,
    { id, from: "completed", to: "forgetting" },
    {
      keepsFiles,
      deletedUpTo: null,
      message: null,
    },
  );

/** Only the target is left. */
export const endForgetting = (db: Db, params: { id: string; now: Date }) =>
  advance(
    db,
    { id: params.id, from: "forgetting", to: "forgotten", event: "forgotten" },
    {
      forgottenAt: params.now,
      message: null,
    },
  );

/** What was not deleted stays, and is read where the target lacks it. */
export const stopForgetting = (db: Db, params: { id: string; message: string }) =>
  advance(db, { id: params.id, from: "forgetting", to: "completed" }, { message: params.message });

type Change = Partial<Omit<StorageMove, "id" | "status" | "switchedAt">> & { switchedAt?: SQL };
type Ending = "started" | "switched" | "completed" | "cancelled" | "forgotten" | "resumed";

/** False when the move has another status by now. */
async function advance(
  db: Db,
  step: {
    id: string;
    from: StorageMove["status"];
    to: StorageMove["status"];
    event?: Ending;
  },
  change: Change,
): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(storageMoves)
      .set({ ...change, status: step.to })
      .where(and(eq(storageMoves.id, step.id), eq(storageMoves.status, step.from)))
      .returning();
    if (!row) return false;
    if (step.event) await insertEvents(tx, [eventOf(step.event, row)]);
    return true;
  });
}

const dataOf = ({ id, source, target, status }: StorageMove) => ({
  move_id: id,
  source,
  target,
  status,
});

const eventOf = (ending: Ending, move: StorageMove) => ({
  type: `storage.move.${ending}` as const,
  sessionId: null,
  data: dataOf(move),
});

const waitEventOf = (move: StorageMove, message: string) => ({
  type: "storage.move.waiting" as const,
  sessionId: null,
  data: { ...dataOf(move), message },
});

/** Notes up to which photo the old files were deleted, unless another attempt has gone on. */
export async function noteDeleted(
  db: Db,
  params: { id: string; afterId: string | null; upTo: string },
): Promise<void> {
  const { id, afterId, upTo } = params;
  await db
    .update(storageMoves)
    .set({ deletedUpTo: upTo })
    .where(
      and(
        eq(storageMoves.id, id),
        eq(storageMoves.status, "forgetting"),
        sql`${storageMoves.deletedUpTo} is not distinct from ${afterId}::uuid`,
      ),
    );
}

/**
 * Notes what an open move waits for; null: nothing.
 * @returns whether this is news
 */
export async function noteMoveMessage(
  db: Db,
  params: { id: string; message: string | null },
): Promise<boolean> {
  const { id, message } = params;
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(storageMoves)
      .set({ message })
      .where(
        and(
          eq(storageMoves.id, id),
          open,
          sql`${storageMoves.message} is distinct from ${message}::text`,
        ),
      )
      .returning();
    if (!row) return false;
    await insertEvents(tx, [
      message === null ? eventOf("resumed", row) : waitEventOf(row, message),
    ]);
    return true;
  });
}

/** A restored library is where the settings say: the moves of the backed-up one do not count. */
export async function deleteMoves(db: Db): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.delete(movedOriginals);
    await tx.delete(storageMoves);
  });
}
