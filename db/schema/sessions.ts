import { sql } from "drizzle-orm";
import { type AnyPgColumn, boolean, check, index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { among, moment, priorities, scheduleColumns } from "./columns";
import { photos } from "./photos";

export const entryTypes = ["scratch", "refinement"] as const;
export type EntryType = (typeof entryTypes)[number];
export const sessionStatuses = ["active", "completed", "abandoned"] as const;
export type SessionStatus = (typeof sessionStatuses)[number];

export const sessions = pgTable(
  "sessions",
  {
    id: uuid("id").primaryKey(),
    entryType: text("entry_type").$type<EntryType>().notNull(),
    sourceImageId: uuid("source_image_id").references((): AnyPgColumn => photos.id, {
      onDelete: "set null",
    }),
    title: text("title"),
    /** Those of its steps, where a request has none of its own. */
    ...scheduleColumns(),
    status: text("status").$type<SessionStatus>().notNull().default("active"),
    /** Requested when the session was abandoned: images that were not selected go to the trash once all steps have ended. */
    discardUnselected: boolean("discard_unselected").notNull().default(false),
    /** When the owner deleted it. It is hidden at once; its row is deleted once all steps have ended. */
    deletedAt: moment("deleted_at"),
    startedAt: moment("started_at").notNull().defaultNow(),
    completedAt: moment("completed_at"),
  },
  (table) => [
    check("sessions_entry_type", among(table.entryType, entryTypes)),
    check("sessions_priority", among(table.priority, priorities)),
    check("sessions_status", among(table.status, sessionStatuses)),
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
