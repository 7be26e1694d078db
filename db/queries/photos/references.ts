import { type SQL, sql } from "drizzle-orm";

/** What the references of a row contain if they name this photo; as `@>` takes it. */
export const asReference = (photoId: SQL): SQL =>
  sql`jsonb_build_array(jsonb_build_object('imageId', ${photoId}))`;

/** The photos that a row of `photos` was made from, in a `from` after it: its source, and those of its references. */
export const parentsOf = (row: SQL): SQL => sql`lateral (
  select ${row}.source_image_id as parent_id
  union all
  select ${imageIn(sql`reference`)} from jsonb_array_elements(${row}.reference_images) as reference
)`;

export const imageIn = (reference: SQL): SQL => sql`(${reference} ->> 'imageId')::uuid`;
