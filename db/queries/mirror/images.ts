import { and, count, desc, eq, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { mirroredImages, type MirrorOutcome } from "../../schema/mirror";
import { photos } from "../../schema/photos";

/** Of these names, in their order, those that were never looked at and that none of our own steps made. */
export async function findUnseenImages(
  db: Db,
  params: { backend: string; names: readonly string[] },
): Promise<string[]> {
  if (params.names.length === 0) return [];
  const rows = await db.execute<{ name: string }>(sql`
    select name from json_array_elements_text(${JSON.stringify(params.names)}::text::json) with ordinality as listed (name, place)
    where not exists (select from ${mirroredImages}
        where ${mirroredImages.backend} = ${params.backend} and ${mirroredImages.imageName} = name)
      and not exists (select from ${photos} where ${photos.invokeId} = name)
    order by place`);
  return rows.map(({ name }) => name);
}

export type SeenImage = {
  backend: string;
  imageName: string;
  outcome: MirrorOutcome;
  photoId: string | null;
  reason: string | null;
  isStarred: boolean;
  boardId: string | null;
};

/** Notes that an image was looked at. False when that was noted before. */
export async function noteSeenImage(db: Db | Tx, image: SeenImage): Promise<boolean> {
  const rows = await db
    .insert(mirroredImages)
    .values(image)
    .onConflictDoNothing()
    .returning({ name: mirroredImages.imageName });
  return rows.length > 0;
}

/** An image whose star or board differs from what was last seen; it belongs to a photo. */
export type MovedImage = {
  imageName: string;
  photoId: string;
  wasStarred: boolean;
  isStarred: boolean;
  wasOn: string | null;
  isOn: string | null;
};

/**
 * Compares the stars and boards of all images with those last seen.
 * @param listed every image that InvokeAI has; those that it no longer has are not compared
 */
export async function findMovedImages(
  db: Db,
  params: {
    backend: string;
    listed: { imageName: string; isStarred: boolean; boardId: string | null }[];
    limit: number;
  },
): Promise<MovedImage[]> {
  const { backend, listed, limit } = params;
  if (listed.length === 0) return [];
  return db.execute<MovedImage>(sql`
    select seen.image_name as "imageName", seen.photo_id as "photoId",
      seen.is_starred as "wasStarred", listed."isStarred",
      seen.board_id as "wasOn", listed."boardId" as "isOn"
    from json_to_recordset(${JSON.stringify(listed)}::text::json)
        as listed ("imageName" text, "isStarred" boolean, "boardId" text)
      join ${mirroredImages} as seen on seen.backend = ${backend} and seen.image_name = listed."imageName"
    where seen.photo_id is not null
      and (seen.is_starred, seen.board_id) is distinct from (listed."isStarred", listed."boardId")
    order by seen.image_name limit ${limit}`);
}

/** Notes the star and board of an image as last seen. */
export async function noteMovedImage(
  tx: Tx,
  { backend, imageName, isStarred, isOn }: MovedImage & { backend: string },
): Promise<void> {
  await tx
    .update(mirroredImages)
    .set({ isStarred, boardId: isOn })
    .where(and(eq(mirroredImages.backend, backend), eq(mirroredImages.imageName, imageName)));
}

/** How many images had each outcome. */
export async function countSeenImages(db: Db): Promise<Partial<Record<MirrorOutcome, number>>> {
  const rows = await db
    .select({ outcome: mirroredImages.outcome, amount: count() })
    .from(mirroredImages)
    .groupBy(mirroredImages.outcome);
  return Object.fromEntries(rows.map(({ outcome, amount }) => [outcome, amount]));
}

/** The refused images with their reasons, newest first. */
export async function listRefusedImages(db: Db, limit: number) {
  const { imageName, reason, seenAt, outcome } = mirroredImages;
  return db
    .select({ imageName, reason, seenAt })
    .from(mirroredImages)
    .where(eq(outcome, "refused"))
    .orderBy(desc(seenAt), desc(imageName))
    .limit(limit);
}
