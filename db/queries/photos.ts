import type { Db } from "../client";
import { photos } from "../schema/photos";

/** Is there any photo at all, in the trash or not? */
export async function hasPhotos(db: Db): Promise<boolean> {
  const rows = await db.select({ id: photos.id }).from(photos).limit(1);
  return rows.length > 0;
}
