import { sql } from "drizzle-orm";
import { boolean, check, index, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** Prompts saved for reuse. */
export const templates = pgTable(
  "templates",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull(),
    description: text("description"),
    promptText: text("prompt_text").notNull(),
    negativePrompt: text("negative_prompt"),
    category: text("category"),
    isFavorite: boolean("is_favorite").notNull().default(false),
    createdAt: moment("created_at").notNull().defaultNow(),
    updatedAt: moment("updated_at").notNull().defaultNow(),
  },
  (table) => [
    check("templates_name", sql`char_length(${table.name}) between 1 and 100`),
    index("templates_newest").on(table.createdAt, table.id),
  ],
);

export type Template = typeof templates.$inferSelect;
