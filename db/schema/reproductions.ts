import { sql } from "drizzle-orm";
import { index, pgTable, smallint, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";
import { photos } from "./photos";

/** A request to run a photo's recorded graph again, and how far it is. */
export const reproductions = pgTable(
  "reproductions",
  {
    id: uuid("id").primaryKey(),
    photoId: uuid("photo_id")
      .notNull()
      .references(() => photos.id, { onDelete: "cascade" }),
    /** How many batches were opened for it; more than one when InvokeAI was interrupted. */
    batches: smallint("batches").notNull().default(0),
    /** `<id>-<number>` of the open one, also InvokeAI's batch id and destination; null: none is open. */
    batchId: text("batch_id"),
    backend: text("backend"),
    /** What InvokeAI calls the picture that the graph starts from. */
    sourceImageName: text("source_image_name"),
    /** Set by whoever may send the batch. Found set by anybody else, the outcome is unknown. */
    postedAt: moment("posted_at"),
    /** The batch was seen on the server. */
    acceptedAt: moment("accepted_at"),
    /** The picture that was made to be compared; null before it is there, and again when it was deleted there. */
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
