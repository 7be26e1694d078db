import { sql } from "drizzle-orm";
import { boolean, check, index, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { among, moment } from "./columns";
import { type OriginalFault, originalFaults } from "./original-checks";
import { photos } from "./photos";

/** Where a library can be: below the data folder, or in the bucket of the settings. */
export const storagePlaces = ["disk", "s3"] as const;
export type StoragePlace = (typeof storagePlaces)[number];

/**
 * `copying`: files are read and written at the source. `switching`: new files go to the target, the last ones are copied.
 * `completed`: the source is kept. `forgetting`: the source is compared and deleted. `forgotten`: only the target is left.
 */
export const storageMoveStatuses = [
  "copying",
  "switching",
  "completed",
  "cancelled",
  "forgetting",
  "forgotten",
] as const;
export type StorageMoveStatus = (typeof storageMoveStatuses)[number];

/** A move of the library from one place to another. The newest one says where the files are. */
export const storageMoves = pgTable(
  "storage_moves",
  {
    id: uuid("id").primaryKey(),
    source: text("source").$type<StoragePlace>().notNull(),
    target: text("target").$type<StoragePlace>().notNull(),
    status: text("status").$type<StorageMoveStatus>().notNull().default("copying"),
    /** Whether the old files stay where they are when they are forgotten. */
    keepsFiles: boolean("keeps_files").notNull().default(false),
    /** While `forgetting`: the last photo that was compared, and whose old files were deleted. */
    deletedUpTo: uuid("deleted_up_to"),
    /** What it waits for, or why the old copy was not deleted. */
    message: text("message"),
    startedAt: moment("started_at").notNull(),
    /** Since then new files go to the target. */
    switchedAt: moment("switched_at"),
    /** When it was completed or cancelled. */
    endedAt: moment("ended_at"),
    forgottenAt: moment("forgotten_at"),
  },
  (table) => [
    check("storage_moves_source", among(table.source, storagePlaces)),
    check("storage_moves_target", among(table.target, storagePlaces)),
    check("storage_moves_places", sql`${table.source} <> ${table.target}`),
    check("storage_moves_status", among(table.status, storageMoveStatuses)),
    uniqueIndex("storage_moves_one_open")
      .on(sql`(true)`)
      .where(sql`${table.status} in ('copying', 'switching', 'forgetting')`),
    index("storage_moves_newest").on(table.startedAt, table.id),
  ],
);

export type StorageMove = typeof storageMoves.$inferSelect;

/** Photos whose original the newest move has settled: compared at the target, or found lost at the source. */
export const movedOriginals = pgTable(
  "moved_originals",
  {
    photoId: uuid("photo_id")
      .primaryKey()
      .references(() => photos.id, { onDelete: "cascade" }),
    /** null: it is at the target with the bytes of its hash. */
    fault: text("fault").$type<OriginalFault>(),
  },
  (table) => [check("moved_originals_fault", among(table.fault, originalFaults))],
);
