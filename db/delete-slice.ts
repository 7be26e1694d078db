import { type SQL, sql } from "drizzle-orm";
import type { PgTable } from "drizzle-orm/pg-core";
import type { Db } from "./client";

/** A slice takes much less than the worker's statement time-out. */
const sliceSize = 5_000;

/** Deletes rows in slices, one statement each, and calls `onSlice` after each; returns how many rows it deleted. */
export async function deleteInSlices(
  db: Db,
  rows: { from: PgTable; where: SQL | undefined },
  onSlice: () => void = () => {},
): Promise<number> {
  const { from, where } = rows;
  for (let deleted = 0; ;) {
    const slice = sql`ctid in (select ctid from ${from} where ${where} limit ${sliceSize})`;
    const { count } = await db.delete(from).where(slice);
    deleted += count;
    onSlice();
    if (count < sliceSize) return deleted;
  }
}
