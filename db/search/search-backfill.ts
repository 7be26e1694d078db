import { and, eq, isNull } from "drizzle-orm";
import type { Db } from "../client";
import { photos } from "../schema/photos";
import { searchedFields, writeSearched } from "../queries/photos/searched";

const slice = 500;

/**
 * Computes the search words of photos that have none, which are older than the search. Commits in slices, so that a call
 * continues where a killed one stopped. @returns how many there were
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
