import { sql } from "drizzle-orm";
import { boolean, check, index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";

export type ImportStatus = "pending" | "processing" | "completed" | "failed" | "cancelled";

/** A folder on the server that is taken into the library. */
export const photoImports = pgTable(
  "photo_imports",
  {
    id: uuid("id").primaryKey(),
    /** Absolute, with links resolved. */
    path: text("path").notNull(),
    /** Each sub-folder becomes an album of its name. */
    makesAlbums: boolean("makes_albums").notNull().default(false),
    status: text("status").$type<ImportStatus>().notNull().default("pending"),
    found: integer("found").notNull().default(0),
    imported: integer("imported").notNull().default(0),
    duplicates: integer("duplicates").notNull().default(0),
    failed: integer("failed").notNull().default(0),
    /** The last file that was settled, relative to the folder; the walk goes on after it. */
    position: text("position"),
    /** Why it ended before its end. */
    error: text("error"),
    cancelRequestedAt: moment("cancel_requested_at"),
    createdAt: moment("created_at").notNull().defaultNow(),
    startedAt: moment("started_at"),
    completedAt: moment("completed_at"),
  },
  (table) => [
    check(
      "photo_imports_status",
      sql`${table.status} in ('pending', 'processing', 'completed', 'failed', 'cancelled')`,
    ),
    index("photo_imports_newest").on(table.createdAt, table.id),
    index("photo_imports_live")
      .on(table.id)
      .where(sql`${table.status} in ('pending', 'processing')`),
  ],
);

/** A file that was left out, and why. */
export const photoImportFaults = pgTable(
  "photo_import_faults",
  {
    importId: uuid("import_id")
      .notNull()
      .references(() => photoImports.id, { onDelete: "cascade" }),
    /** Relative to the import's folder. */
    file: text("file").notNull(),
    code: text("code").notNull(),
    message: text("message").notNull(),
  },
  (table) => [index("photo_import_faults_of").on(table.importId, table.file)],
);

export type PhotoImport = typeof photoImports.$inferSelect;
