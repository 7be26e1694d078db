import { sql } from "drizzle-orm";
import { boolean, check, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** One row: the id of this installation. The marker file in the data folder holds the same id. */
export const installation = pgTable(
  "installation",
  {
    only: boolean("only").primaryKey().default(true),
    id: uuid("id").notNull().defaultRandom(),
    /**
     * Base64url of 32 random bytes. Keys are derived from it for the owner's cookie, for unlocked share links, and for ids
     * made from an Idempotency-Key.
     */
    cookieSecret: text("cookie_secret").notNull(),
    /** The id of the backup while its restore is unfinished: nothing starts on this database. */
    restoringBackupId: uuid("restoring_backup_id"),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [check("installation_one_row", sql`${table.only}`)],
);

export type Installation = typeof installation.$inferSelect;
