import { and, desc, eq, getTableColumns, gt, isNotNull, isNull, lt, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { albumPhotos, albums } from "../../schema/albums";
import { type Photo, photoColumns, photos } from "../../schema/photos";
import { type ShareLink, shareLinks } from "../../schema/shares";
import { cacheStatement } from "../../cached-statement";
import { isOlder, type Page, type TimePlace } from "../page";

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

/** Inserts a link; undefined when the id exists already. */
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

/**
 * A link and the requested photo; for a link to one photo, always that one. `photo` is null unless it is visible through
 * the link: not in the trash, fetched, and still in the album. A single statement.
 */
export async function findSharedByKeyHash(
  db: Db,
  params: { keyHash: string; photoId: string | null },
): Promise<{ link: ShareLink; photo: Photo | null } | undefined> {
  const inAlbum = sql`exists (select from ${albumPhotos} where ${albumPhotos.albumId} = ${shareLinks.albumId} and ${albumPhotos.photoId} = ${photos.id})`;
  const statement = cacheStatement(db, "shared", () =>
    db
      .select({ link: getTableColumns(shareLinks), photo: photoColumns })
      .from(shareLinks)
      .leftJoin(
        photos,
        and(
          sql`${photos.id} = coalesce(${shareLinks.photoId}, ${sql.placeholder("photoId")}::uuid)`,
          isNull(photos.deletedAt),
          eq(photos.retrievalStatus, "completed"),
          or(isNotNull(shareLinks.photoId), inAlbum),
        ),
      )
      .where(eq(shareLinks.keyHash, sql.placeholder("keyHash")))
      .prepare("shared"),
  );
  const [row] = await statement.execute(params);
  return row;
}

function listed(revokedSince: Date) {
  return or(isNull(shareLinks.revokedAt), gt(shareLinks.revokedAt, revokedSince));
}

/** The owner's links, newest first; revoked ones only if they were revoked recently. */
export async function listShareLinks(
  db: Db,
  params: { revokedSince: Date; after: TimePlace | null } & Page,
): Promise<ShareLink[]> {
  return db
    .select()
    .from(shareLinks)
    .where(
      and(
        listed(params.revokedSince),
        isOlder({ at: shareLinks.createdAt, id: shareLinks.id }, params.after),
      ),
    )
    .orderBy(desc(shareLinks.createdAt), desc(shareLinks.id))
    .limit(params.limit)
    .offset(params.offset);
}

export async function countShareLinks(db: Db, revokedSince: Date): Promise<number> {
  return db.$count(shareLinks, listed(revokedSince));
}

/** Locks a link until the transaction ends. */
export async function lockShareLink(tx: Tx, id: string): Promise<ShareLink | undefined> {
  const [row] = await tx.select().from(shareLinks).where(eq(shareLinks.id, id)).for("update");
  return row;
}

export type ShareLinkChange = Partial<
  Pick<ShareLink, "title" | "expiresAt" | "allowDownload" | "showMetadata" | "maxViews">
> & { passwordHash?: string | null };

/** Updates the given fields. A change of the password invalidates every token of the old one. */
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

/** Revokes a link permanently; false when it does not exist. */
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

/** Counts a visit; false when the link has ended or is used up. Of two concurrent visits only one gets the last. */
export async function countView(db: Db, params: { id: string; now: Date }): Promise<boolean> {
  const rows = await db
    .update(shareLinks)
    .set({ viewCount: sql`${shareLinks.viewCount} + 1`, lastAccessedAt: params.now })
    .where(
      and(
        eq(shareLinks.id, params.id),
        isNull(shareLinks.revokedAt),
        or(isNull(shareLinks.expiresAt), gt(shareLinks.expiresAt, params.now)),
        or(isNull(shareLinks.maxViews), lt(shareLinks.viewCount, shareLinks.maxViews)),
      ),
    )
    .returning({ id: shareLinks.id });
  return rows.length === 1;
}

/** Name and description of a shared album. */
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
