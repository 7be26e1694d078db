import { check, integer, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { among, moment } from "./columns";
import { photos } from "./photos";

/** Why visitors get a preview in place of an original. */
export const copyFaultReasons = ["missing", "undecodable", "too_costly"] as const;
export type CopyFaultReason = (typeof copyFaultReasons)[number];

/** Originals that cannot be sent to visitors. Shown to the owner, and saves a new attempt at each visit. */
export const copyFaults = pgTable(
  "copy_faults",
  {
    photoId: uuid("photo_id")
      .primaryKey()
      .references(() => photos.id, { onDelete: "cascade" }),
    reason: text("reason").$type<CopyFaultReason>().notNull(),
    /** Version of the code that failed; another version tries again. */
    copyVersion: integer("copy_version").notNull(),
    failedAt: moment("failed_at").notNull(),
  },
  (table) => [check("copy_faults_reason", among(table.reason, copyFaultReasons))],
);

export type CopyFault = typeof copyFaults.$inferSelect;
