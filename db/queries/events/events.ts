import { and, asc, eq, gt, lt, max, min, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { deleteInSlices } from "../../delete-slice";
import { type EventRow, events, type NewEvent } from "../../schema/events";

// An arbitrary number that all writers of events share.
const eventLock = 7_361_202;

/** NOTIFY channel for commits with events. Only a wake-up: readers read the table. */
export const eventChannel = "gallery_events";

/**
 * Inserts events. Must be the last statement of its transaction: the lock is held until the commit, so that ids become
 * visible in order, and a reader that has seen 7 never misses a 6.
 */
export async function insertEvents(tx: Tx, list: NewEvent[]): Promise<void> {
  if (list.length === 0) return;
  const rows = list.map(({ type, sessionId, data }) => ({ type, session_id: sessionId, data }));
  // The rows come from a join with the lock, so their ids are assigned once it is held.
  await tx.execute(sql`
    with locked as materialized (select pg_advisory_xact_lock(${eventLock})),
      written as (
        insert into events (type, session_id, data)
        select type, session_id, data
        from locked, rows from (
          json_to_recordset(${JSON.stringify(rows)}::text::json) as (type text, session_id uuid, data jsonb)
        ) with ordinality as listed (type, session_id, data, position)
        order by position
        returning id
      )
    select pg_notify(${eventChannel}, '') from (select from written limit 1) as any_written
  `);
}

/** Events after an id, oldest first; of one session or, with null, all. */
export async function listEventsAfter(
  db: Db | Tx,
  params: { afterId: number; sessionId: string | null; limit: number },
): Promise<EventRow[]> {
  const ofSession = params.sessionId === null ? undefined : eq(events.sessionId, params.sessionId);
  const rows = await db
    .select()
    .from(events)
    .where(and(gt(events.id, params.afterId), ofSession))
    .orderBy(asc(events.id))
    .limit(params.limit);
  // Type and data were written together, by `insertEvents`.
  return rows as EventRow[];
}

/** The oldest and newest id; zeros when there are no events. */
export async function getEventRange(db: Db | Tx): Promise<{ oldestId: number; newestId: number }> {
  const [row] = await db
    .select({ oldestId: min(events.id), newestId: max(events.id) })
    .from(events);
  return { oldestId: row?.oldestId ?? 0, newestId: row?.newestId ?? 0 };
}

/** Deletes events older than `before`; returns how many. */
export function deleteEventsBefore(db: Db, before: Date, onSlice?: () => void): Promise<number> {
  return deleteInSlices(db, { from: events, where: lt(events.createdAt, before) }, onSlice);
}
