import { sql } from "drizzle-orm";
import { bigint, check, index, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";
import { photos } from "./photos";
import { steps } from "./steps";

/** The line for InvokeAI: one row for each run that waits for a turn or holds it. */
export const turns = pgTable(
  "turns",
  {
    /** The order of the line: first come, first served. Also the ticket by which a run recognises its grant. */
    number: bigint("number", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    stepId: uuid("step_id").references(() => steps.id, { onDelete: "cascade" }),
    /** The photo that is reproduced; null for a step. */
    photoId: uuid("photo_id").references(() => photos.id, { onDelete: "cascade" }),
    askedAt: moment("asked_at").notNull(),
    /** The place at which it holds the turn; null: it waits. */
    backend: text("backend"),
    grantedAt: moment("granted_at"),
    /** When its run was signalled, or got the grant as the answer to its request. */
    notifiedAt: moment("notified_at"),
  },
  (table) => [
    uniqueIndex("turns_step").on(table.stepId),
    uniqueIndex("turns_photo").on(table.photoId),
    // One holder per place.
    uniqueIndex("turns_holder")
      .on(table.backend)
      .where(sql`${table.backend} is not null`),
    index("turns_waiting")
      .on(table.number)
      .where(sql`${table.backend} is null`),
    check("turns_owner", sql`num_nonnulls(${table.stepId}, ${table.photoId}) = 1`),
    check("turns_grant", sql`(${table.backend} is null) = (${table.grantedAt} is null)`),
    check("turns_notice", sql`${table.notifiedAt} is null or ${table.backend} is not null`),
  ],
);

export type Turn = typeof turns.$inferSelect;
