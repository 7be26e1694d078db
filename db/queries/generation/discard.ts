import { sql } from "drizzle-orm";
import type { Tx } from "../../client";
import type { NewEvent } from "../../schema/events";
import { eventsOfPhotos } from "../photos/trash";

/**
 * If the session has `discard_unselected`, moves its unselected images to the trash; returns the events to insert. Keeps
 * images that are selected, a favourite, in an album, shared, or the source of something else. Resets the flag, so that a
 * second call changes nothing and a photo that was restored stays restored.
 */
export async function discardUnselected(
  tx: Tx,
  params: { sessionId: string; now: Date },
): Promise<NewEvent<"photo.trashed">[]> {
  const rows = await tx.execute<{ id: string; step_id: string | null }>(sql`
    with asked as (
      update sessions set discard_unselected = false
      where id = ${params.sessionId} and discard_unselected
      returning id
    )
    update photos as p set deleted_at = ${params.now.toISOString()}::timestamptz
    from asked
    where p.session_id = asked.id
      and p.deleted_at is null
      and not p.is_favorite
      and not exists (select from steps where selected_image_id = p.id)
      and not exists (select from album_photos where photo_id = p.id)
      and not exists (select from share_links where photo_id = p.id and revoked_at is null)
      and not exists (select from photos as child where child.source_image_id = p.id)
      and not exists (select from steps where source_image_id = p.id)
      and not exists (select from slots where source_image_id = p.id)
      and not exists (select from sessions where source_image_id = p.id)
    returning p.id, p.step_id
  `);
  const { sessionId } = params;
  const trashed = rows.map((row) => ({ id: row.id, stepId: row.step_id, sessionId }));
  return eventsOfPhotos(tx, "photo.trashed", trashed);
}
