import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  doublePrecision,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
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
    /** It goes on until it is cancelled: what comes into the folder later is taken, too. */
    watches: boolean("watches").notNull().default(false),
    status: text("status").$type<ImportStatus>().notNull().default("pending"),
    found: integer("found").notNull().default(0),
    imported: integer("imported").notNull().default(0),
    duplicates: integer("duplicates").notNull().default(0),
    failed: integer("failed").notNull().default(0),
    /** Files that belong to a picture, such as its XMP. */
    sidecars: integer("sidecars").notNull().default(0),
    /** The last counted file; the walk resumes after it. Relative, encoded by `media/folders/path-text.ts`. */
    position: text("position"),
    /** Of a watched folder: when all of it was last checked. */
    lookedAt: moment("looked_at"),
    /** Files of a watched folder that may still be written, as of then. */
    changing: integer("changing").notNull().default(0),
    /** Why it does not go on at present, such as a full disk, or a watched folder that is away; null: it does. */
    awayReason: text("away_reason"),
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
    // Hashed: a path may be longer than an index takes.
    uniqueIndex("photo_imports_watched")
      .on(sql`md5(${table.path})`)
      .where(sql`${table.watches} and ${table.status} in ('pending', 'processing')`),
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

/** What became of a file of a watched folder. */
const watchedOutcomes = ["imported", "duplicates", "sidecars", "failed"] as const;
export type WatchedOutcome = (typeof watchedOutcomes)[number];

/** A file or other entry of a watched folder, as last seen. */
export const watchedFiles = pgTable(
  "watched_files",
  {
    importId: uuid("import_id")
      .notNull()
      .references(() => photoImports.id, { onDelete: "cascade" }),
    /** SHA-256 of its name in the folder, which may be longer than an index takes. */
    fileHash: text("file_hash").notNull(),
    /** Bytes. */
    size: bigint("size", { mode: "number" }).notNull(),
    /** Milliseconds since 1970, with the fraction that the file system gives. */
    modifiedMs: doublePrecision("modified_ms").notNull(),
    /** When it was first seen with this size and time. */
    notedAt: moment("noted_at").notNull(),
    /** false: it may still be written. */
    isSettled: boolean("is_settled").notNull().default(false),
    /** null before it was settled for the first time. */
    outcome: text("outcome").$type<WatchedOutcome>(),
    /** SHA-256 of the bytes that were last taken. */
    contentHash: text("content_hash"),
    faultId: bigint("fault_id", { mode: "number" }).references(() => photoImportFaults.id, {
      onDelete: "set null",
    }),
  },
  (table) => [
    primaryKey({ columns: [table.importId, table.fileHash] }),
    check("watched_files_outcome", among(table.outcome, watchedOutcomes)),
    index("watched_files_fault").on(table.faultId),
    index("watched_files_open")
      .on(table.importId)
      .where(sql`not ${table.isSettled} or ${table.outcome} = 'failed'`),
  ],
);

/** Bytes that a watched folder has held as a picture: they are not taken again, whatever becomes of the photo. */
export const watchedContents = pgTable(
  "watched_contents",
  {
    importId: uuid("import_id")
      .notNull()
      .references(() => photoImports.id, { onDelete: "cascade" }),
    contentHash: text("content_hash").notNull(),
  },
  (table) => [primaryKey({ columns: [table.importId, table.contentHash] })],
);

export type WatchedFile = typeof watchedFiles.$inferSelect;
export type PhotoImport = typeof photoImports.$inferSelect;
