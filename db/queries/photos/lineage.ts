import { sql } from "drizzle-orm";
import type { Db } from "../../client";
import type { Reference } from "#generation-references";
import type { GenerationMetadata } from "../../schema/photos";
import { asReference, imageIn } from "./references";

/** A photo in its lineage. */
export type LineageNode = {
  id: string;
  sessionId: string | null;
  stepId: string | null;
  /** Its slot in the step. */
  slotIndex: number | null;
  isPurged: boolean;
  maskHash: string | null;
  /** null: not generated, or purged. */
  generation: GenerationMetadata | null;
  /** The photo that it was made from; null for the root. */
  parentId: string | null;
  /** Further parents, with their roles. */
  references: Reference[] | null;
  /** Made with its parent's parameters, not from its pixels. */
  isVariation: boolean;
  /** Its parent was the selected image of the parent step. */
  isFromChoice: boolean;
  /** It is the selected image of its step. */
  isSelected: boolean;
};

/**
 * The whole tree of a photo, oldest first, in one query: up to the root, then all descendants. Also the references of each,
 * and what was made with the photo as a reference, but not their trees: a picture that gives many others its style would
 * connect them all. Empty: no such photo.
 */
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
    ), family(id) as (
      select id from tree
      union
      select p.id from photos p where p.reference_images @> ${asReference(sql`${photoId}::uuid`)}
    ), listed(id) as (
      select id from family
      union
      select ${imageIn(sql`reference`)} from family join photos p on p.id = family.id,
        jsonb_array_elements(p.reference_images) as reference
    )
    select p.id, p.session_id as "sessionId", p.step_id as "stepId", p.slot_index as "slotIndex",
      p.purged_at is not null as "isPurged", p.generation,
      p.mask_hash as "maskHash",
      coalesce(p.source_image_id, s.source_image_id) as "parentId",
      p.reference_images as "references",
      p.source_image_id is null as "isVariation",
      coalesce(before.selected_image_id = p.source_image_id, false) as "isFromChoice",
      coalesce(st.selected_image_id = p.id, false) as "isSelected"
    from listed join photos p on p.id = listed.id
      left join sessions s on s.id = p.session_id
      left join steps st on st.id = p.step_id
      left join steps before on before.id = st.parent_id
    order by p.created_at, p.id`);
  return [...rows];
}
