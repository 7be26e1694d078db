import {
  and,
  asc,
  getTableColumns,
  gt,
  inArray,
  isNotNull,
  isNull,
  lte,
  not,
  type SQL,
  sql,
} from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { deleteInSlices } from "../../delete-slice";
import { albumPhotos, albums } from "../../schema/albums";
import { copyFaults } from "../../schema/copy-faults";
import { originalChecks } from "../../schema/original-checks";
import { type NewPhoto, type PhotoKind, photos } from "../../schema/photos";
import { shareLinks } from "../../schema/shares";
import { insertEvents } from "../events/events";
import { eventsOfPhotos, lockPhotos } from "./trash";

/**
 * A purge has three stages, and a crash may come after each: the row is blanked (`purged_at`), which hides the photo from
 * every route; its files are deleted; its row is deleted or, as a node, loses its type, which means that no file is left.
 */
export type PurgedFiles = { id: string; kind: PhotoKind; mimeType: string };

/** The columns that a lineage node keeps; any other nullable column is emptied by a purge. */
const keptColumns = new Set([
  "id",
  "kind",
  "createdAt",
  "shownAt",
  "deletedAt",
  "purgedAt",
  "mimeType",
  "retrievalStatus",
  "sessionId",
  "stepId",
  "slotIndex",
  "sourceImageId",
  "costUsd",
]);

const blank: Partial<NewPhoto> = {
  ...Object.fromEntries(
    Object.entries(getTableColumns(photos))
      .filter(([name, column]) => !keptColumns.has(name) && !column.notNull)
      .map(([name]) => [name, null]),
  ),
  filename: "",
  tags: [],
  tagKeys: [],
  search: "",
  isFavorite: false,
  retrievalAttempts: 0,
};

const purged = isNotNull(photos.purgedAt);
const hasFiles = isNotNull(photos.mimeType);

async function claim(db: Db | Tx, which: SQL | undefined, now: Date): Promise<PurgedFiles[]> {
  const at = sql`${now.toISOString()}::timestamptz`;
  const rows = await db
    .update(photos)
    .set({
      ...blank,
      purgedAt: now,
      deletedAt: sql`coalesce(${photos.deletedAt}, ${at})`,
      // A photo that is being fetched may have its file already; its retrieval ends here.
      mimeType: sql`coalesce(${photos.mimeType}, 'image/png')`,
      retrievalStatus: sql`case when ${photos.retrievalStatus} in ('pending', 'processing') then 'failed' else ${photos.retrievalStatus} end`,
    })
    .where(which)
    .returning({ id: photos.id, kind: photos.kind, mimeType: photos.mimeType });
  return rows.map((row) => ({ ...row, mimeType: row.mimeType! }));
}

/** First stage for photos that the owner named, in the trash or not; unknown ids are ignored. */
export async function claimPurge(
  db: Db,
  params: { ids: string[]; now: Date },
): Promise<PurgedFiles[]> {
  return db.transaction(async (tx) => {
    const ids = (await lockPhotos(tx, params.ids)).map((photo) => photo.id);
    return ids.length === 0 ? [] : claim(tx, inArray(photos.id, ids), params.now);
  });
}

/** First stage for photos trashed before `trashedBefore`, oldest first. */
export async function claimExpired(
  db: Db,
  params: { trashedBefore: Date; limit: number; now: Date },
): Promise<PurgedFiles[]> {
  const expired = db
    .select({ id: photos.id })
    .from(photos)
    .where(and(lte(photos.deletedAt, params.trashedBefore), isNull(photos.purgedAt)))
    .orderBy(asc(photos.deletedAt), asc(photos.id))
    .limit(params.limit)
    // A photo that is being restored or purged right now is left to the next run.
    .for("update", { skipLocked: true });
  return claim(db, inArray(photos.id, expired), params.now);
}

/** Purges that a crash interrupted after their first stage, by id, a page at a time. */
export async function listUnfinishedPurges(
  db: Db,
  params: { afterId: string | null; limit: number },
): Promise<PurgedFiles[]> {
  const rows = await db
    .select({ id: photos.id, kind: photos.kind, mimeType: photos.mimeType })
    .from(photos)
    .where(
      and(purged, hasFiles, params.afterId === null ? undefined : gt(photos.id, params.afterId)),
    )
    .orderBy(asc(photos.id))
    .limit(params.limit);
  return rows.map((row) => ({ ...row, mimeType: row.mimeType! }));
}

/** Last stage, after the files are deleted; skips photos that were finished meanwhile. Returns how many. */
export async function finishPurge(db: Db, ids: string[]): Promise<number> {
  if (ids.length === 0) return 0;
  return db.transaction(async (tx) => {
    const rows = await tx
      .select({ id: photos.id, sessionId: photos.sessionId, stepId: photos.stepId })
      .from(photos)
      .where(and(inArray(photos.id, ids), purged, hasFiles))
      .orderBy(asc(photos.id))
      .for("update");
    if (rows.length === 0) return 0;
    const held = rows.map((row) => row.id);
    const events = await eventsOfPhotos(tx, "photo.purged", rows);
    await tx.delete(albumPhotos).where(inArray(albumPhotos.photoId, held));
    await tx.delete(shareLinks).where(inArray(shareLinks.photoId, held));
    await tx.delete(copyFaults).where(inArray(copyFaults.photoId, held));
    await tx.delete(originalChecks).where(inArray(originalChecks.photoId, held));
    await tx.update(albums).set({ coverPhotoId: null }).where(inArray(albums.coverPhotoId, held));
    await tx.update(photos).set({ mimeType: null }).where(inArray(photos.id, held));
    // A separate statement: it sees what was committed while this transaction waited for the locks.
    await tx.delete(photos).where(and(inArray(photos.id, held), not(needed)));
    await insertEvents(tx, events);
    return rows.length;
  });
}

/** Deletes nodes that no lineage needs any more; returns how many. */
export function deleteUnneededNodes(db: Db, onSlice?: () => void): Promise<number> {
  return deleteInSlices(
    db,
    { from: photos, where: and(purged, isNull(photos.mimeType), not(needed)) },
    onSlice,
  );
}

/** Another row refers to it: as its source, as a selected image, or as the image of a slot. */
const needed = sql`(
  exists (select from photos as child where child.source_image_id = photos.id)
  or exists (select from steps where source_image_id = photos.id)
  or exists (select from steps where selected_image_id = photos.id)
  or exists (select from slots where source_image_id = photos.id)
  or exists (select from sessions where source_image_id = photos.id)
  or exists (select from slots where photo_id = photos.id)
)`;
