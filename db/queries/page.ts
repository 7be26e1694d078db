import { type SQL, sql } from "drizzle-orm";
import type { PgColumn } from "drizzle-orm/pg-core";

/** `limit` rows from `offset` on. */
export type Page = { limit: number; offset: number };

/** A cursor of a list that is ordered by time, then id. */
export type TimePlace = { at: Date; id: string };

/** The rows that follow this place in a list that is ordered by time and id, newest first; null: all rows. */
export function isOlder(
  row: { at: PgColumn; id: PgColumn },
  after: TimePlace | null,
): SQL | undefined {
  if (after === null) return undefined;
  return sql`(${row.at}, ${row.id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::uuid)`;
}
