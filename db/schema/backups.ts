import { sql } from "drizzle-orm";
import {
  bigint,
  check,
  index,
  integer,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { among, moment } from "./columns";

export const backupStatuses = ["running", "completed", "failed"] as const;
export type BackupStatus = (typeof backupStatuses)[number];
export const backupTriggers = ["schedule", "manual"] as const;
export type BackupTrigger = (typeof backupTriggers)[number];

/** A copy of database and originals outside the data folder. */
export const backups = pgTable(
  "backups",
  {
    id: uuid("id").primaryKey(),
    /** Its name in the folder of backups; begins with the time. */
    name: text("name").notNull(),
    /** The folder of backups. */
    folder: text("folder").notNull(),
    trigger: text("trigger").$type<BackupTrigger>().notNull(),
    status: text("status").$type<BackupStatus>().notNull().default("running"),
    /** Originals in the backup, and their bytes. */
    originals: integer("originals").notNull().default(0),
    bytes: bigint("bytes", { mode: "number" }).notNull().default(0),
    /** Those that earlier backups did not have. */
    newOriginals: integer("new_originals").notNull().default(0),
    newBytes: bigint("new_bytes", { mode: "number" }).notNull().default(0),
    /** Originals that were intact neither in the library nor in an earlier backup. */
    missing: integer("missing").notNull().default(0),
    /** Why it failed. */
    error: text("error"),
    startedAt: moment("started_at").notNull(),
    endedAt: moment("ended_at"),
    /** When it was deleted to make room for newer ones. */
    removedAt: moment("removed_at"),
  },
  (table) => [
    check("backups_status", among(table.status, backupStatuses)),
    check("backups_trigger", among(table.trigger, backupTriggers)),
    check("backups_end", sql`(${table.status} = 'running') = (${table.endedAt} is null)`),
    uniqueIndex("backups_one_running")
      .on(table.status)
      .where(sql`${table.status} = 'running'`),
    index("backups_newest").on(table.startedAt, table.id),
  ],
);

export type Backup = typeof backups.$inferSelect;
