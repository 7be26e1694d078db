import { sql } from "drizzle-orm";
import type { Db } from "../client";
import { photos } from "../schema/photos";

/** Whether a picture goes back, over whatever was made in between, to an upload that no model made. */
export async function stemsFromOwnPhoto(db: Db, photoId: string): Promise<boolean> {
  // `union` ends also where rows point in a circle.
  const [row] = await db.execute<{ found: boolean }>(sql`
    with recursive line(id) as (
      select source_image_id from ${photos} where id = ${photoId}
      union
      select photo.source_image_id from line join ${photos} photo on photo.id = line.id
    )
    select exists (
      select from line join ${photos} photo on photo.id = line.id
      where photo.kind = 'uploaded' and photo.generation is null
    ) as found`);
  return row?.found ?? false;
}
