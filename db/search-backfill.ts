import { and, eq, isNull, sql } from "drizzle-orm";
import type { Db } from "./client";
import { photos } from "./schema/photos";
import { searchColumns } from "./search-words";

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
      .select({
        id: photos.id,
        filename: photos.filename,
        title: photos.title,
        tags: photos.tags,
        generation: photos.generation,
      })
      .from(photos)
      .where(and(eq(photos.search, ""), isNull(photos.purgedAt)))
      .limit(slice)
      .for("update");
    if (rows.length === 0) return 0;
    const made = rows.map(({ id, ...fields }) => ({ id, ...searchColumns(fields) }));
    await tx
      .update(photos)
      .set({
        search: sql`made.search::tsvector`,
        tagKeys: sql`array(select jsonb_array_elements_text(made."tagKeys"))`,
        promptHash: sql`made."promptHash"`,
      })
      .from(
        sql`jsonb_to_recordset(${JSON.stringify(made)}::jsonb) as made(id uuid, search text, "tagKeys" jsonb, "promptHash" text)`,
      )
      .where(sql`${photos.id} = made.id`);
    return rows.length;
  });
}
