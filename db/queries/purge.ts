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
import type { Db, Tx } from "../client";
import { albumPhotos, albums } from "../schema/albums";
import { type NewPhoto, type PhotoKind, photos } from "../schema/photos";
import { shareLinks } from "../schema/shares";
import { insertEvents } from "./events";
import { eventsOfPhotos, lockPhotos } from "./trash";

/**
 * A purge goes in three turns, each of which may be its last before a crash: the row is blanked (`purged_at`), which hides
 * the photo from every route; its files go; the row goes, or loses its type as the sign that no file is left.
 */
export type PurgedFiles = { id: string; kind: PhotoKind; mimeType: string };

/** What a node of a lineage is made of; a new column does not survive a purge by itself. */
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
      // One that is still being fetched may have its file already; and its fetching ends here.
      mimeType: sql`coalesce(${photos.mimeType}, 'image/png')`,
      retrievalStatus: sql`case when ${photos.retrievalStatus} in ('pending', 'processing') then 'failed' else ${photos.retrievalStatus} end`,
    })
    .where(which)
    .returning({ id: photos.id, kind: photos.kind, mimeType: photos.mimeType });
  return rows.map((row) => ({ ...row, mimeType: row.mimeType! }));
}

/** First turn for photos of the owner's choice, in the trash or not; those that are not there are left out. */
export async function claimPurge(
  db: Db,
  params: { ids: string[]; now: Date },
): Promise<PurgedFiles[]> {
  return db.transaction(async (tx) => {
    const ids = (await lockPhotos(tx, params.ids)).map((photo) => photo.id);
    return ids.length === 0 ? [] : claim(tx, inArray(photos.id, ids), params.now);
  });
}

/** First turn for those that lie in the trash since `trashedBefore`, oldest first. */
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
    // Somebody restores or purges one at this moment: it has its turn, or not, next time.
    .for("update", { skipLocked: true });
  return claim(db, inArray(photos.id, expired), params.now);
}

/** Purges that a crash cut off behind their first turn, by id, a page at a time. */
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

/** Last turn, when the files are gone; photos that somebody else finished meanwhile are left alone. Returns how many. */
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
    const told = await eventsOfPhotos(tx, "photo.purged", rows);
    await tx.delete(albumPhotos).where(inArray(albumPhotos.photoId, held));
    await tx.delete(shareLinks).where(inArray(shareLinks.photoId, held));
    await tx.update(albums).set({ coverPhotoId: null }).where(inArray(albums.coverPhotoId, held));
    await tx.update(photos).set({ mimeType: null }).where(inArray(photos.id, held));
    // A statement of its own: it sees what was written while the rows were waited for.
    await tx.delete(photos).where(and(inArray(photos.id, held), not(needed)));
    await insertEvents(tx, told);
    return rows.length;
  });
}

/** Deletes nodes without a picture that no lineage needs any more; returns how many. */
export async function deleteNeedlessNodes(db: Db): Promise<number> {
  const gone = await db
    .delete(photos)
    .where(and(purged, isNull(photos.mimeType), not(needed)))
    .returning({ id: photos.id });
  return gone.length;
}

/** Something was made of it, chose it, or counts it as the image it asked for. */
const needed = sql`(
  exists (select from photos as child where child.source_image_id = photos.id)
  or exists (select from steps where source_image_id = photos.id)
  or exists (select from steps where selected_image_id = photos.id)
  or exists (select from sessions where source_image_id = photos.id)
  or exists (select from slots where photo_id = photos.id)
)`;
