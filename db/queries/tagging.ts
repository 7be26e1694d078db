import { and, asc, inArray, isNull, sql } from "drizzle-orm";
import type { Db } from "../client";
import { photos } from "../schema/photos";
import { searchColumns } from "../search-words";

/**
 * Gives photos other tags: `change` makes the new ones from those a photo has, or undefined to leave it as it is.
 * One statement writes all of them. Returns, for each photo that there is, whether it may have its new tags.
 */
export async function tagPhotos(
  db: Db,
  params: { ids: string[]; change: (tags: string[]) => string[] | undefined },
): Promise<Map<string, boolean>> {
  return db.transaction(async (tx) => {
    const found = await tx
      .select({
        id: photos.id,
        filename: photos.filename,
        title: photos.title,
        tags: photos.tags,
        generation: photos.generation,
      })
      .from(photos)
      .where(and(inArray(photos.id, params.ids), isNull(photos.purgedAt)))
      .orderBy(asc(photos.id))
      .for("update");
    const outcome = new Map<string, boolean>();
    const rows = found.flatMap((photo) => {
      const tags = params.change(photo.tags);
      outcome.set(photo.id, tags !== undefined);
      if (tags === undefined || tags.join("\n") === photo.tags.join("\n")) return [];
      const { search, tagKeys } = searchColumns({ ...photo, tags });
      return [{ id: photo.id, tags, tag_keys: tagKeys, search }];
    });
    if (rows.length > 0) {
      await tx.execute(sql`
        update photos set tags = changed.tags, tag_keys = changed.tag_keys, search = changed.search
        from jsonb_to_recordset(${JSON.stringify(rows)}::jsonb)
          as changed(id uuid, tags text[], tag_keys text[], search tsvector)
        where photos.id = changed.id`);
    }
    return outcome;
  });
}
