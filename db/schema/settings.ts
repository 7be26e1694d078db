import { jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** Settings that the owner changed; a setting without a row has its default. */
export const settings = pgTable("settings", {
  /** `group.name`, such as `library.trash_retention_days`. */
  name: text("name").primaryKey(),
  value: jsonb("value").$type<unknown>().notNull(),
  updatedAt: moment("updated_at").notNull().defaultNow(),
});
