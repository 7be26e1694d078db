import { and, asc, eq, gt, lt, max, min, sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { type EventRow, type EventType, events } from "../schema/events";

export type NewEvent = { type: EventType; sessionId: string | null; data: Record<string, unknown> };

// Any number, the same for all writers of events.
const eventLock = 7_361_202;

/** The channel on which a commit with events is announced; a wake-up only, the table is what counts. */
export const eventChannel = "gallery_events";

/**
 * Writes events; the last statement of its transaction.
 * The lock is held until the commit, so that ids become visible in their order and a reader that has seen 7 never meets a later 6.
 */
export async function insertEvents(tx: Tx, list: NewEvent[]): Promise<void> {
  if (list.length === 0) return;
  await tx.execute(sql`select pg_advisory_xact_lock(${eventLock})`);
  await tx.insert(events).values(list);
  await tx.execute(sql`select pg_notify(${eventChannel}, '')`);
}

/** Events after an id, oldest first; of one session or, with null, of everything. */
export async function listEventsAfter(
  db: Db | Tx,
  params: { afterId: number; sessionId: string | null; limit: number },
): Promise<EventRow[]> {
  const ofSession = params.sessionId === null ? undefined : eq(events.sessionId, params.sessionId);
  return db
    .select()
    .from(events)
    .where(and(gt(events.id, params.afterId), ofSession))
    .orderBy(asc(events.id))
    .limit(params.limit);
}

/** The oldest and newest id there is; zeros when there is none. */
export async function getEventRange(db: Db | Tx): Promise<{ oldestId: number; newestId: number }> {
  const [row] = await db
    .select({ oldestId: min(events.id), newestId: max(events.id) })
    .from(events);
  return { oldestId: row?.oldestId ?? 0, newestId: row?.newestId ?? 0 };
}

/** Drops events older than `before`; returns how many. */
export async function deleteEventsBefore(db: Db, before: Date): Promise<number> {
  const gone = await db
    .delete(events)
    .where(lt(events.createdAt, before))
    .returning({ id: events.id });
  return gone.length;
}
