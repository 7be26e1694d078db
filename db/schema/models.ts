import { boolean, index, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

export type ModelDefaults = {
  width: number;
  height: number;
  steps: number;
  cfgScale: number;
  scheduler: string;
  guidance?: number;
  /** Those that belong to the model itself or were set for it in InvokeAI; the others are its base's. Missing in rows of earlier versions. */
  own?: ("width" | "height" | "steps" | "cfgScale" | "scheduler" | "guidance")[];
  /** The VAE that was set for the model in InvokeAI in place of the one it brings along. */
  vaeKey?: string;
};

/** What a request for this model may hold; written by the side that builds the graphs, read by the side that takes requests. */
export type ModelAccepts = {
  sizeMultiple: number;
  minSize: number;
  maxSize: number;
  schedulers: string[];
  /** Whether cfg_scale is a choice; where it is none it is 1. Missing in rows of earlier versions: it is. */
  cfgScale?: boolean;
  negativePrompt: boolean;
  /** The highest number of skipped layers; 0: none may be skipped. */
  maxClipSkip: number;
  guidance: boolean;
  /** Models that must be there beside it. Missing in rows of earlier versions: none. */
  needs?: NeededModel[];
};

export type NeededModel = {
  type: "vae" | "t5_encoder" | "clip_embed";
  base: string;
  /** Where InvokeAI tells kinds of this type apart: the one that fits. */
  variant?: string;
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
    /** What InvokeAI tells apart within a base: `dev`, `schnell`, `inpaint` and others. */
    variant: text("variant"),
    description: text("description"),
    /** null: not a model that pictures are made with, or of a base that no graph is built for. */
    defaults: jsonb("defaults").$type<ModelDefaults>(),
    accepts: jsonb("accepts").$type<ModelAccepts>(),
    isAvailable: boolean("is_available").notNull().default(true),
    isFavorite: boolean("is_favorite").notNull().default(false),
    lastUsedAt: moment("last_used_at"),
  },
  (table) => [
    index("models_list").on(table.type, table.base, table.name),
    index("models_hash").on(table.hash),
  ],
);

export type Model = typeof models.$inferSelect;
