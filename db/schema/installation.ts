import { sql } from "drizzle-orm";
import { boolean, check, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** One row: who this installation is. The data folder's marker file holds the same id. */
export const installation = pgTable(
  "installation",
  {
    only: boolean("only").primaryKey().default(true),
    id: uuid("id").notNull().defaultRandom(),
    /** Keys the cookies of unlocked share links; base64url of 32 random bytes. */
    cookieSecret: text("cookie_secret").notNull(),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [check("installation_one_row", sql`${table.only}`)],
);

export type Installation = typeof installation.$inferSelect;
