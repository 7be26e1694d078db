import { sql } from "drizzle-orm";
import { bigint, boolean, check, index, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { among, moment } from "./columns";

export const importStatuses = [
  "pending",
  "processing",
  "completed",
  "failed",
  "cancelled",
] as const;
export type ImportStatus = (typeof importStatuses)[number];

/** The import of a folder on the server. */
export const photoImports = pgTable(
  "photo_imports",
  {
    id: uuid("id").primaryKey(),
    /** Absolute, with symbolic links resolved. */
    path: text("path").notNull(),
    /** The import root that it is below, as configured: workers that have this root run it. null: any worker. */
    root: text("root"),
    /** Each subfolder becomes an album of the same name. */
    makesAlbums: boolean("makes_albums").notNull().default(false),
    status: text("status").$type<ImportStatus>().notNull().default("pending"),
    found: integer("found").notNull().default(0),
    imported: integer("imported").notNull().default(0),
    duplicates: integer("duplicates").notNull().default(0),
    failed: integer("failed").notNull().default(0),
    /** Files that belong to a picture, such as its XMP. */
    sidecars: integer("sidecars").notNull().default(0),
    /** The last counted file; the walk resumes after it. Relative, encoded by `media/folders/path-text.ts`. */
    position: text("position"),
    /** Why it failed. */
    error: text("error"),
    cancelRequestedAt: moment("cancel_requested_at"),
    createdAt: moment("created_at").notNull().defaultNow(),
    startedAt: moment("started_at"),
    completedAt: moment("completed_at"),
  },
  (table) => [
    check("photo_imports_status", among(table.status, importStatuses)),
    index("photo_imports_newest").on(table.createdAt, table.id),
    index("photo_imports_live")
      .on(table.id)
      .where(sql`${table.status} in ('pending', 'processing')`),
  ],
);

/** A file that was not imported, and the reason. */
export const photoImportFaults = pgTable(
  "photo_import_faults",
  {
    /** Ascends in the folder's order. */
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    importId: uuid("import_id")
      .notNull()
      .references(() => photoImports.id, { onDelete: "cascade" }),
    /** Relative to the import's folder, as displayed. */
    file: text("file").notNull(),
    code: text("code").notNull(),
    message: text("message").notNull(),
  },
  (table) => [index("photo_import_faults_of").on(table.importId, table.id)],
);

export type PhotoImport = typeof photoImports.$inferSelect;
