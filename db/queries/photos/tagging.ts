import { and, asc, inArray, isNull } from "drizzle-orm";
import type { Db } from "../../client";
import { photos } from "../../schema/photos";
import { searchedFields, writeSearched } from "./searched";

/**
 * Changes the tags of photos: `change` returns the new tags for the old ones, or undefined to leave the photo unchanged.
 * One statement writes all of them. Returns, for each existing photo, whether `change` accepted it.
 */
export async function tagPhotos(
  db: Db,
  params: { ids: string[]; change: (tags: string[]) => string[] | undefined },
): Promise<Map<string, boolean>> {
  return db.transaction(async (tx) => {
    const found = await tx
      .select(searchedFields)
      .from(photos)
      .where(and(inArray(photos.id, params.ids), isNull(photos.purgedAt)))
      .orderBy(asc(photos.id))
      .for("update");
    const outcome = new Map<string, boolean>();
    const changed = found.flatMap((photo) => {
      const tags = params.change(photo.tags);
      outcome.set(photo.id, tags !== undefined);
      if (tags === undefined || tags.join("\n") === photo.tags.join("\n")) return [];
      return [{ ...photo, tags }];
    });
    await writeSearched(tx, changed);
    return outcome;
  });
}
