import type { Database } from "bun:sqlite";
import { sqlTimestamp } from "./timestamps.ts";
import type { Session } from "./session.ts";

export type ItemStatus = "pending" | "in_progress" | "completed" | "failed" | "canceled";

export type FieldValue = { node_path: string; field_name: string; value: unknown };

/** A row of the queue; `session` and `field_values` are JSON. */
export type ItemRow = {
  item_id: number;
  status: ItemStatus;
  status_sequence: number;
  priority: number;
  batch_id: string;
  batch_index: number;
  origin: string | null;
  destination: string | null;
  session_id: string;
  session: string;
  field_values: string;
  /** Why the item can never be loaded: enqueue accepted a value that violates its field's rule. */
  poison: string | null;
  error_type: string | null;
  error_message: string | null;
  error_traceback: string | null;
  created_at: string;
  updated_at: string;
  started_at: string | null;
  completed_at: string | null;
};

export type NewItem = { session: Session; fieldValues: FieldValue[]; poison: string | null };

export type BatchHead = { batchId: string; origin: string | null; destination: string | null };

export type Counts = Record<ItemStatus, number> & { waiting: number; total: number };

export type ItemError = { type: string; message: string; traceback: string };

export type Queue = ReturnType<typeof createQueue>;

const finished = "('completed', 'failed', 'canceled')";

/** The queue's rows and their status transitions. */
export function createQueue(database: Database) {
  const selectItem = database.query<ItemRow, [number]>(
    "select * from session_queue where item_id = ?",
  );
  const insert = database.query(
    `insert into session_queue (batch_id, batch_index, origin, destination, priority, session_id,
       session, field_values, poison, created_at, updated_at)
     values ($batchId, $index, $origin, $destination, $priority, $sessionId,
       $session, $fieldValues, $poison, $now, $now)`,
  );

  const find = (itemId: number): ItemRow | undefined => selectItem.get(itemId) ?? undefined;

  function rows(tail: string, ...values: (string | number)[]): ItemRow[] {
    return database
      .query<ItemRow, (string | number)[]>(`select * from session_queue ${tail}`)
      .all(...values);
  }

  function counts(batchId?: string): Counts {
    const where = batchId === undefined ? "" : "where batch_id = ?";
    const found = database
      .query<{ status: ItemStatus; n: number }, string[]>(
        `select status, count(*) as n from session_queue ${where} group by status`,
      )
      .all(...(batchId === undefined ? [] : [batchId]));
    const of = (status: ItemStatus) => found.find((row) => row.status === status)?.n ?? 0;
    return {
      pending: of("pending"),
      in_progress: of("in_progress"),
      waiting: 0,
      completed: of("completed"),
      failed: of("failed"),
      canceled: of("canceled"),
      total: found.reduce((sum, { n }) => sum + n, 0),
    };
  }

  function deleteWhere(where: string, ...values: (string | number)[]): number {
    return database.query(`delete from session_queue where ${where}`).run(...values).changes;
  }

  return {
    find,
    counts,

    /** One transaction: all of `items` or none. */
    insert: database.transaction(
      (batch: BatchHead, items: NewItem[], prepend: boolean): { priority: number } => {
        const top = rows("where status = 'pending' order by priority desc limit 1")[0];
        const priority = prepend ? (top?.priority ?? 0) + 1 : 0;
        const before = counts(batch.batchId).total;
        const now = sqlTimestamp();
        items.forEach((item, index) => {
          insert.run({
            ...batch,
            index: before + index,
            priority,
            sessionId: item.session.id,
            session: JSON.stringify(item.session),
            fieldValues: JSON.stringify(item.fieldValues),
            poison: item.poison,
            now,
          });
        });
        return { priority };
      },
    ),

    /** The rows of a batch, oldest first. */
    listBatch: (batchId: string) => rows("where batch_id = ? order by item_id", batchId),

    listAll: (destination: string | undefined) =>
      destination === undefined
        ? rows("order by priority desc, item_id")
        : rows("where destination = ? order by priority desc, item_id", destination),

    itemIds: (ascending: boolean) =>
      // Items of one batch have the same creation time: among them the order is always ascending.
      rows(`order by created_at ${ascending ? "asc" : "desc"}, item_id`).map(
        ({ item_id }) => item_id,
      ),

    findNext: () => rows("where status = 'pending' order by priority desc, item_id limit 1")[0],

    findCurrent: () => rows("where status = 'in_progress' limit 1")[0],

    /** Updates an unfinished item; undefined when it has ended or was deleted. */
    setStatus(itemId: number, status: ItemStatus, error?: ItemError): ItemRow | undefined {
      const now = sqlTimestamp();
      const changed = database
        .query(
          `update session_queue set status = $status, status_sequence = status_sequence + 1,
             updated_at = $now,
             started_at = case when $status = 'in_progress' then $now else started_at end,
             completed_at = case when $status in ${finished} then $now else completed_at end,
             error_type = $type, error_message = $message, error_traceback = $traceback
           where item_id = $itemId and status not in ${finished}`,
        )
        .run({
          itemId,
          status,
          now,
          type: error?.type ?? null,
          message: error?.message ?? null,
          traceback: error?.traceback ?? null,
        }).changes;
      return changed === 0 ? undefined : find(itemId);
    },

    saveSession(itemId: number, session: Session): void {
      database
        .query("update session_queue set session = ?, updated_at = ? where item_id = ?")
        .run(JSON.stringify(session), sqlTimestamp(), itemId);
    },

    /** Runs at a server start: running items are canceled, without an error. */
    cancelInterrupted(): void {
      database
        .query(
          `update session_queue set status = 'canceled', status_sequence = status_sequence + 1,
             completed_at = $now, updated_at = $now where status = 'in_progress'`,
        )
        .run({ now: sqlTimestamp() });
    },

    deleteItem: (itemId: number) => deleteWhere("item_id = ?", itemId),
    deleteBatch: (batchId: string) => deleteWhere("batch_id = ?", batchId),
    prune: () => deleteWhere(`status in ${finished}`),
    clear: () => deleteWhere("true"),

    /** Empties the queue; item ids restart at 1. */
    wipe(): void {
      database.run("delete from session_queue");
      database.run("delete from sqlite_sequence where name = 'session_queue'");
    },
  };
}
