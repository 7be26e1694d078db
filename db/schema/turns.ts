import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  pgTable,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { moment } from "./columns";
import { photos } from "./photos";
import { steps } from "./steps";

/** The line for InvokeAI: one row for each run that waits for a turn or holds it. */
export const turns = pgTable(
  "turns",
  {
    /** The order of the line among those of one rank: first come, first served. Also the ticket by which a run recognises its grant. */
    number: bigint("number", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    stepId: uuid("step_id").references(() => steps.id, { onDelete: "cascade" }),
    /** The photo that is reproduced; null for a step. */
    photoId: uuid("photo_id").references(() => photos.id, { onDelete: "cascade" }),
    askedAt: moment("asked_at").notNull(),
    /** The lowest goes first: 0 now, 1 normal, 2 idle. */
    rank: smallint("rank").notNull().default(1),
    /** No turn from then on: the end of its step's window. */
    closesAt: moment("closes_at"),
    /** Its run left the line, and asks again later; it keeps its number. */
    parked: boolean("parked").notNull().default(false),
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
      .on(table.rank, table.number)
      .where(sql`${table.backend} is null and not ${table.parked}`),
    check("turns_owner", sql`num_nonnulls(${table.stepId}, ${table.photoId}) = 1`),
    check("turns_grant", sql`(${table.backend} is null) = (${table.grantedAt} is null)`),
    check("turns_parked", sql`not ${table.parked} or ${table.backend} is null`),
    check("turns_notice", sql`${table.notifiedAt} is null or ${table.backend} is not null`),
  ],
);

export type Turn = typeof turns.$inferSelect;
