import { and, desc, eq, gt, isNull, lt, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { albumPhotos, albums } from "../schema/albums";
import { type Photo, photoColumns, photos } from "../schema/photos";
import { type ShareLink, shareLinks } from "../schema/shares";

export type NewShareLink = Pick<
  ShareLink,
  | "id"
  | "keyHash"
  | "photoId"
  | "albumId"
  | "title"
  | "expiresAt"
  | "passwordHash"
  | "allowDownload"
  | "showMetadata"
  | "maxViews"
>;

/** Writes a link; undefined when there is one of this id already. */
export async function insertShareLink(db: Db, link: NewShareLink): Promise<ShareLink | undefined> {
  const [row] = await db
    .insert(shareLinks)
    .values(link)
    .onConflictDoNothing({ target: shareLinks.id })
    .returning();
  return row;
}

export async function findShareLink(db: Db, id: string): Promise<ShareLink | undefined> {
  const [row] = await db.select().from(shareLinks).where(eq(shareLinks.id, id));
  return row;
}

export async function findShareLinkByKeyHash(
  db: Db,
  keyHash: string,
): Promise<ShareLink | undefined> {
  const [row] = await db.select().from(shareLinks).where(eq(shareLinks.keyHash, keyHash));
  return row;
}

function listed(revokedSince: Date) {
  return or(isNull(shareLinks.revokedAt), gt(shareLinks.revokedAt, revokedSince));
}

/** The owner's links, newest first; of the revoked ones those that were revoked lately. */
export async function listShareLinks(
  db: Db,
  params: {
    revokedSince: Date;
    after: { at: Date; id: string } | null;
    limit: number;
    offset: number;
  },
): Promise<ShareLink[]> {
  const { after } = params;
  return db
    .select()
    .from(shareLinks)
    .where(
      and(
        listed(params.revokedSince),
        after === null
          ? undefined
          : sql`(${shareLinks.createdAt}, ${shareLinks.id}) < (${after.at.toISOString()}::timestamptz, ${after.id}::uuid)`,
      ),
    )
    .orderBy(desc(shareLinks.createdAt), desc(shareLinks.id))
    .limit(params.limit)
    .offset(params.offset);
}

export async function countShareLinks(db: Db, revokedSince: Date): Promise<number> {
  return db.$count(shareLinks, listed(revokedSince));
}

/** Holds a link until the transaction ends. */
export async function lockShareLink(tx: Tx, id: string): Promise<ShareLink | undefined> {
  const [row] = await tx.select().from(shareLinks).where(eq(shareLinks.id, id)).for("update");
  return row;
}

export type ShareLinkChange = Partial<
  Pick<ShareLink, "title" | "expiresAt" | "allowDownload" | "showMetadata" | "maxViews">
> & { passwordHash?: string | null };

/** Changes exactly what is given. A change of the password makes every token of the old one void. */
export async function updateShareLink(
  tx: Tx,
  params: { id: string; change: ShareLinkChange },
): Promise<void> {
  const newPassword = params.change.passwordHash !== undefined;
  await tx
    .update(shareLinks)
    .set({
      ...params.change,
      ...(newPassword && { passwordVersion: sql`${shareLinks.passwordVersion} + 1` }),
    })
    .where(eq(shareLinks.id, params.id));
}

/** Closes a link for good; false when there is none. */
export async function revokeShareLink(db: Db, params: { id: string; now: Date }): Promise<boolean> {
  const rows = await db
    .update(shareLinks)
    .set({
      revokedAt: sql`coalesce(${shareLinks.revokedAt}, ${params.now.toISOString()}::timestamptz)`,
    })
    .where(eq(shareLinks.id, params.id))
    .returning({ id: shareLinks.id });
  return rows.length === 1;
}

/** Counts a visit; false when the link is used up. Of two visits at once only one gets the last. */
export async function countView(db: Db, params: { id: string; now: Date }): Promise<boolean> {
  const rows = await db
    .update(shareLinks)
    .set({ viewCount: sql`${shareLinks.viewCount} + 1`, lastAccessedAt: params.now })
    .where(
      and(
        eq(shareLinks.id, params.id),
        or(isNull(shareLinks.maxViews), lt(shareLinks.viewCount, shareLinks.maxViews)),
      ),
    )
    .returning({ id: shareLinks.id });
  return rows.length === 1;
}

/** What a shared album is called. */
export async function findSharedAlbum(
  db: Db,
  albumId: string,
): Promise<{ name: string; description: string | null } | undefined> {
  const [row] = await db
    .select({ name: albums.name, description: albums.description })
    .from(albums)
    .where(eq(albums.id, albumId));
  return row;
}

/** A photo, as long as the link shows it now: not in the trash, fetched, and still in the album. */
export async function findSharedPhoto(
  db: Db,
  params: { link: Pick<ShareLink, "photoId" | "albumId">; photoId: string },
): Promise<Photo | undefined> {
  const { link, photoId } = params;
  if (link.photoId !== null && link.photoId !== photoId) return undefined;
  const inAlbum =
    link.albumId === null
      ? undefined
      : sql`exists (select from ${albumPhotos} where ${albumPhotos.albumId} = ${link.albumId} and ${albumPhotos.photoId} = ${photos.id})`;
  const [row] = await db
    .select(photoColumns)
    .from(photos)
    .where(
      and(
        eq(photos.id, photoId),
        isNull(photos.deletedAt),
        eq(photos.retrievalStatus, "completed"),
        inAlbum,
      ),
    );
  return row;
}
