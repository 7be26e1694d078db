import { getTableColumns, sql } from "drizzle-orm";
import type { Tx } from "../../client";
import { photos } from "../../schema/photos";
import { searchColumns, type SearchedFields } from "../../search/search-words";

const { id, filename, title, tags, generation } = getTableColumns(photos);

/** The columns from which search words are computed. */
export const searchedFields = { id, filename, title, tags, generation };

/** Writes photos' tags and search columns in one statement. */
export async function writeSearched(
  tx: Tx,
  list: readonly (SearchedFields & { id: string; tags: string[] })[],
): Promise<void> {
  if (list.length === 0) return;
  const made = list.map((photo) => ({
    id: photo.id,
    tags: photo.tags,
    ...searchColumns(photo),
  }));
  await tx
    .update(photos)
    .set({
      tags: sql`made.tags`,
      tagKeys: sql`made."tagKeys"`,
      search: sql`made.search`,
      promptHash: sql`made."promptHash"`,
    })
    .from(
      sql`jsonb_to_recordset(${JSON.stringify(made)}::jsonb)
        as made(id uuid, tags text[], "tagKeys" text[], search tsvector, "promptHash" text)`,
    )
    .where(sql`${photos.id} = made.id`);
}
