import { sql } from "drizzle-orm";
import { type AnyPgColumn, boolean, check, index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";
import { photos } from "./photos";

export type EntryType = "scratch" | "refinement";
export type SessionStatus = "active" | "completed" | "abandoned";

export const sessions = pgTable(
  "sessions",
  {
    id: uuid("id").primaryKey(),
    entryType: text("entry_type").$type<EntryType>().notNull(),
    sourceImageId: uuid("source_image_id").references((): AnyPgColumn => photos.id, {
      onDelete: "set null",
    }),
    title: text("title"),
    status: text("status").$type<SessionStatus>().notNull().default("active"),
    /** Asked for when the session was abandoned: images nobody chose go to the trash once its steps have ended. */
    discardUnselected: boolean("discard_unselected").notNull().default(false),
    /** Deleted by the owner: hidden from then on, its row goes once its steps have ended. */
    deletedAt: moment("deleted_at"),
    startedAt: moment("started_at").notNull().defaultNow(),
    completedAt: moment("completed_at"),
  },
  (table) => [
    check("sessions_entry_type", sql`${table.entryType} in ('scratch', 'refinement')`),
    check("sessions_status", sql`${table.status} in ('active', 'completed', 'abandoned')`),
    check("sessions_end", sql`(${table.status} = 'active') = (${table.completedAt} is null)`),
    check(
      "sessions_deleted_is_closed",
      sql`${table.deletedAt} is null or ${table.status} <> 'active'`,
    ),
    index("sessions_deleted")
      .on(table.id)
      .where(sql`${table.deletedAt} is not null`),
    index("sessions_newest").on(table.startedAt, table.id),
    index("sessions_by_status").on(table.status, table.startedAt, table.id),
    index("sessions_source").on(table.sourceImageId),
  ],
);

export type Session = typeof sessions.$inferSelect;
