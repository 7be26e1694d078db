import { boolean, index, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

export type ModelDefaults = {
  width: number;
  height: number;
  steps: number;
  cfgScale: number;
  scheduler: string;
  /** Those that were set for the model in InvokeAI; the others are its base's. Missing in rows of earlier versions. */
  own?: ("width" | "height" | "steps" | "cfgScale" | "scheduler")[];
  /** The VAE that was set for the model in InvokeAI in place of the one it brings along. */
  vaeKey?: string;
};

/** What a request for this model may hold; written by the side that builds the graphs, read by the side that takes requests. */
export type ModelAccepts = {
  sizeMultiple: number;
  minSize: number;
  maxSize: number;
  schedulers: string[];
  negativePrompt: boolean;
  /** The highest number of skipped layers; 0: none may be skipped. */
  maxClipSkip: number;
  guidance: boolean;
};

/** InvokeAI's models as last seen. One that is gone stays, marked. */
export const models = pgTable(
  "models",
  {
    key: text("key").primaryKey(),
    hash: text("hash").notNull(),
    name: text("name").notNull(),
    type: text("type").notNull(),
    base: text("base").notNull(),
    format: text("format").notNull(),
    description: text("description"),
    /** null: not a model that pictures are made with, or of a base that no graph is built for. */
    defaults: jsonb("defaults").$type<ModelDefaults>(),
    accepts: jsonb("accepts").$type<ModelAccepts>(),
    isAvailable: boolean("is_available").notNull().default(true),
    isFavorite: boolean("is_favorite").notNull().default(false),
    lastUsedAt: moment("last_used_at"),
    seenAt: moment("seen_at").notNull().defaultNow(),
  },
  (table) => [
    index("models_list").on(table.type, table.base, table.name),
    index("models_hash").on(table.hash),
  ],
);

export type Model = typeof models.$inferSelect;
