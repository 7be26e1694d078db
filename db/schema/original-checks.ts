import { sql } from "drizzle-orm";
import { boolean, check, index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { among, moment } from "./columns";
import { photos } from "./photos";

/** `missing`: there is no file. `damaged`: its bytes are not those of the row's hash, or cannot be read. */
export const originalFaults = ["missing", "damaged"] as const;
export type OriginalFault = (typeof originalFaults)[number];

/** When the original of a photo was last compared with its hash, and what was found. */
export const originalChecks = pgTable(
  "original_checks",
  {
    photoId: uuid("photo_id")
      .primaryKey()
      .references(() => photos.id, { onDelete: "cascade" }),
    checkedAt: moment("checked_at").notNull(),
    /** null: it is intact. */
    fault: text("fault").$type<OriginalFault>(),
    /** Whether the folder of backups has the right bytes; null: not known. */
    isInBackup: boolean("is_in_backup"),
    /** When the fault was found first. */
    faultFoundAt: moment("fault_found_at"),
  },
  (table) => [
    check("original_checks_fault", among(table.fault, originalFaults)),
    check("original_checks_found", sql`(${table.fault} is null) = (${table.faultFoundAt} is null)`),
    index("original_checks_oldest").on(table.checkedAt),
    index("original_checks_faults")
      .on(table.faultFoundAt, table.photoId)
      .where(sql`${table.fault} is not null`),
  ],
);

export type OriginalCheck = typeof originalChecks.$inferSelect;
