import { sql } from "drizzle-orm";
import type { Tx } from "../client";
import type { NewEvent } from "./events";
import { eventsOfPhotos } from "./trash";

/**
 * Moves the images of a session that nobody chose to the trash, when that was asked for; returns what is to be told of it.
 * Never one that is selected, a favourite, in an album, shared, or the source of something else.
 * The request is used up by it: a second call changes nothing, and what a person took out of the trash stays out.
 */
export async function discardUnselected(
  tx: Tx,
  params: { sessionId: string; now: Date },
): Promise<NewEvent[]> {
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
      and not exists (select from sessions where source_image_id = p.id)
    returning p.id, p.step_id
  `);
  const { sessionId } = params;
  const told = rows.map((row) => ({ id: row.id, stepId: row.step_id, sessionId }));
  return eventsOfPhotos(tx, "photo.trashed", told);
}
