import { and, eq, isNull } from "drizzle-orm";
import type { Db } from "./client";
import { photos } from "./schema/photos";
import { searchedFields, writeSearched } from "./queries/searched";

const slice = 500;

/**
 * Makes the words of photos that have none yet, as those written before there was a search. In slices, each
 * committed by itself: what a kill leaves, the next call does. @returns how many there were
 */
export async function fillSearch(db: Db): Promise<number> {
  let filled = 0;
  for (;;) {
    const done = await fillSlice(db);
    filled += done;
    if (done === 0) return filled;
  }
}

async function fillSlice(db: Db): Promise<number> {
  return db.transaction(async (tx) => {
    const rows = await tx
      .select(searchedFields)
      .from(photos)
      .where(and(eq(photos.search, ""), isNull(photos.purgedAt)))
      .limit(slice)
      .for("update");
    await writeSearched(tx, rows);
    return rows.length;
  });
}
