import { sql } from "drizzle-orm";
import { index, jsonb, pgTable, smallint, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";
import { photos } from "./photos";
import type { ImageNames } from "./steps";

/** A request to run a photo's recorded graph again, and its state. */
export const reproductions = pgTable(
  "reproductions",
  {
    id: uuid("id").primaryKey(),
    photoId: uuid("photo_id")
      .notNull()
      .references(() => photos.id, { onDelete: "cascade" }),
    /** Batches opened so far; more than one after an interruption of InvokeAI. */
    batches: smallint("batches").notNull().default(0),
    /** `<id>-<number>` of the open batch, also InvokeAI's batch id and destination; null: no batch is open. */
    batchId: text("batch_id"),
    backend: text("backend"),
    /** InvokeAI's name of the graph's source image. */
    sourceImageName: text("source_image_name"),
    /** The names of the other pictures of its graph, by their roles. */
    imageNames: jsonb("image_names").$type<ImageNames>().notNull().default({}),
    /** Set by the caller that wins the right to send the batch. One that finds it set must treat the outcome as unknown. */
    postedAt: moment("posted_at"),
    /** The batch was seen on the server. */
    acceptedAt: moment("accepted_at"),
    /** InvokeAI's name of the new picture; null before it exists and after it was deleted there. */
    imageName: text("image_name"),
    createdAt: moment("created_at").notNull().defaultNow(),
    /** When the verdict was written to the photo. */
    judgedAt: moment("judged_at"),
  },
  (table) => [
    uniqueIndex("reproductions_one_open")
      .on(table.photoId)
      .where(sql`${table.judgedAt} is null`),
    uniqueIndex("reproductions_batch")
      .on(table.batchId)
      .where(sql`${table.batchId} is not null`),
    index("reproductions_photo").on(table.photoId, table.createdAt),
    index("reproductions_live")
      .on(table.photoId)
      .where(sql`${table.judgedAt} is null or ${table.imageName} is not null`),
  ],
);

export type ReproductionRow = typeof reproductions.$inferSelect;
