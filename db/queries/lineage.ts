import { sql } from "drizzle-orm";
import type { Db } from "../client";
import type { GenerationMetadata } from "../schema/photos";

/** A photo as it stands in its lineage. */
export type LineageNode = {
  id: string;
  sessionId: string | null;
  stepId: string | null;
  isPurged: boolean;
  /** null: not generated, or purged. */
  generation: GenerationMetadata | null;
  /** What it was made from; null for the one that all the others come of. */
  parentId: string | null;
  /** It was made after its parent's parameters, not from its pixels. */
  isVariation: boolean;
  /** Its parent was the choice of the step before. */
  isFromChoice: boolean;
  /** It is the choice of its step. */
  isSelected: boolean;
};

/** The whole tree that a photo stands in, oldest first, in one query: up to the first one, then down to all that came of it. Empty: no such photo. */
export async function listLineage(db: Db, photoId: string): Promise<LineageNode[]> {
  const rows = await db.execute<LineageNode>(sql`
    with recursive up(id, parent_id) as (
      select p.id, coalesce(p.source_image_id, s.source_image_id)
      from photos p left join sessions s on s.id = p.session_id
      where p.id = ${photoId}
      union
      select p.id, coalesce(p.source_image_id, s.source_image_id)
      from up join photos p on p.id = up.parent_id left join sessions s on s.id = p.session_id
    ), tree(id) as (
      select id from up where parent_id is null
      union
      select child.id from tree, lateral (
        select p.id from photos p where p.source_image_id = tree.id
        union all
        select p.id from sessions s join photos p on p.session_id = s.id
        where s.source_image_id = tree.id and p.source_image_id is null
      ) as child
    )
    select p.id, p.session_id as "sessionId", p.step_id as "stepId",
      p.purged_at is not null as "isPurged", p.generation,
      coalesce(p.source_image_id, s.source_image_id) as "parentId",
      p.source_image_id is null as "isVariation",
      coalesce(before.selected_image_id = p.source_image_id, false) as "isFromChoice",
      coalesce(st.selected_image_id = p.id, false) as "isSelected"
    from tree join photos p on p.id = tree.id
      left join sessions s on s.id = p.session_id
      left join steps st on st.id = p.step_id
      left join steps before on before.id = st.parent_id
    order by p.created_at, p.id`);
  return [...rows];
}
