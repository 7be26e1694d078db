import { sql } from "drizzle-orm";
import { check, index, pgTable, text, uniqueIndex, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** Lists of words that `__name__` in an expanded prompt stands for. */
export const wordlists = pgTable(
  "wordlists",
  {
    id: uuid("id").primaryKey(),
    /** Lower case. */
    name: text("name").notNull(),
    entries: text("entries").array().notNull(),
    /** The names of the lists that the entries refer to. */
    refersTo: text("refers_to").array().notNull(),
    createdAt: moment("created_at").notNull().defaultNow(),
    updatedAt: moment("updated_at").notNull().defaultNow(),
  },
  (table) => [
    uniqueIndex("wordlists_name").on(table.name),
    index("wordlists_refers_to").using("gin", table.refersTo),
    check("wordlists_entries", sql`cardinality(${table.entries}) between 1 and 5000`),
  ],
);

export type Wordlist = typeof wordlists.$inferSelect;
