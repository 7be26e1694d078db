import { and, eq, inArray, isNull, or, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { albumPhotos } from "../../schema/albums";
import { type CopyFault, copyFaults } from "../../schema/copy-faults";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { shareLinks } from "../../schema/shares";
import { insertEvents } from "../events/events";

export async function findCopyFault(db: Db, photoId: string): Promise<CopyFault | undefined> {
  const [row] = await db.select().from(copyFaults).where(eq(copyFaults.photoId, photoId));
  return row;
}

/** Stores why an original cannot be sent; false when the same reason is stored already, or the photo was purged. */
export async function keepCopyFault(db: Db, fault: CopyFault): Promise<boolean> {
  return db.transaction(async (tx) => {
    const [before] = await tx
      .select({ reason: copyFaults.reason })
      .from(photos)
      .leftJoin(copyFaults, eq(copyFaults.photoId, photos.id))
      .where(eq(photos.id, fault.photoId))
      .for("no key update", { of: photos });
    // It was purged meanwhile.
    if (!before) return false;
    await tx
      .insert(copyFaults)
      .values(fault)
      .onConflictDoUpdate({ target: copyFaults.photoId, set: fault });
    const isNew = before.reason !== fault.reason;
    const data = { photo_id: fault.photoId, reason: fault.reason };
    if (isNew) await insertEvents(tx, [{ type: "photo.copy_failed", sessionId: null, data }]);
    return isNew;
  });
}

export async function deleteCopyFault(db: Db, photoId: string): Promise<void> {
  await db.delete(copyFaults).where(eq(copyFaults.photoId, photoId));
}

/** Faults of the photos that these links let visitors download. With `show_metadata` only a missing file is a fault. */
export async function listLinkFaults(
  db: Db,
  params: { linkIds: string[]; limit: number },
): Promise<{ linkId: string; fault: CopyFault; photo: Photo }[]> {
  if (params.linkIds.length === 0) return [];
  const inAlbum = sql`exists (select from ${albumPhotos} where ${albumPhotos.albumId} = ${shareLinks.albumId} and ${albumPhotos.photoId} = ${photos.id})`;
  return db
    .select({ linkId: shareLinks.id, fault: copyFaults, photo: photoColumns })
    .from(copyFaults)
    .innerJoin(photos, and(eq(photos.id, copyFaults.photoId), isNull(photos.deletedAt)))
    .innerJoin(shareLinks, or(eq(shareLinks.photoId, photos.id), inAlbum))
    .where(
      and(
        inArray(shareLinks.id, params.linkIds),
        shareLinks.allowDownload,
        or(sql`not ${shareLinks.showMetadata}`, eq(copyFaults.reason, "missing")),
      ),
    )
    .orderBy(shareLinks.id, photos.id)
    .limit(params.limit);
}
