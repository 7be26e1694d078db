import { boolean, index, jsonb, pgTable, primaryKey, text } from "drizzle-orm/pg-core";
import type { AcceptedOptions, NeededModel } from "#generation-parameters";
import type { AcceptedReference } from "#generation-references";
import { backends } from "./backends";
import { moment } from "./columns";

export type ModelDefaults = {
  width: number;
  height: number;
  steps: number;
  cfgScale: number;
  scheduler: string;
  guidance?: number;
  /** Which of these are the model's own or were set for it in InvokeAI; the others are its base's. Older rows lack it. */
  own?: ("width" | "height" | "steps" | "cfgScale" | "scheduler" | "guidance")[];
  /** The VAE set for the model in InvokeAI in place of its built-in one. */
  vaeKey?: string;
};

/** What a request for this model may hold: written by the worker, which builds the graphs; checked by the API. */
export type ModelAccepts = AcceptedOptions & {
  sizeMultiple: number;
  minSize: number;
  maxSize: number;
  schedulers: string[];
  /** The fewest steps that a scheduler works with, where it is more than one. Older rows lack it. */
  minSteps?: Record<string, number>;
  /** Whether cfg_scale can be chosen; if false it must be 1. Older rows lack it, which means true. */
  cfgScale?: boolean;
  negativePrompt: boolean;
  /** The negative prompt has no effect while cfg_scale is 1. */
  negativeNeedsCfg?: true;
  /** The highest number of steps, where it is below 500. */
  maxSteps?: number;
  /** The number of steps that belongs to a scheduler, for a request that names a scheduler but no steps. */
  usualSteps?: Record<string, number>;
  /** Whether a picture can be its source. Older rows lack it, which means true. */
  imageToImage?: boolean;
  /** Whether a mask or an expansion is accepted. Older rows lack it, which means false. */
  inpaint?: boolean;
  /** It paints what a mask or an expansion leaves open and nothing else, whatever the strength and what is there. */
  partsOnly?: true;
  /** Whether it can draw in two passes. Older rows lack it, which means false. */
  hires?: boolean;
  /** Older rows lack it, which means true. */
  loras?: boolean;
  /** The variants of the LoRAs that fit. Absent: any. */
  loraVariants?: string[];
  /** The bases of the VAEs that it takes. Older rows lack it, which means its own. */
  vaeBases?: string[];
  /** Alternatives of other models that it requires, best first. Older rows lack it, which means none. */
  companions?: NeededModel[][];
  /** The roles of references that it has. Older rows lack it, which means none. */
  references?: AcceptedReference[];
  /** The first version of InvokeAI that knows it, where not all supported ones do. */
  since?: string;
};

/** All models that any InvokeAI of this gallery has or had. `model_places` has a row for each place where one is now. */
export const models = pgTable(
  "models",
  {
    key: text("key").primaryKey(),
    hash: text("hash").notNull(),
    name: text("name").notNull(),
    type: text("type").notNull(),
    base: text("base").notNull(),
    format: text("format").notNull(),
    /** InvokeAI's variant within a base: `dev`, `schnell`, `inpaint` and others. */
    variant: text("variant"),
    description: text("description"),
    /** Of a folder of an IP-Adapter: the repository of the image encoder that InvokeAI looks up by its name. */
    imageEncoder: text("image_encoder"),
    /** null: not a model for generation, or of an unsupported base. */
    defaults: jsonb("defaults").$type<ModelDefaults>(),
    accepts: jsonb("accepts").$type<ModelAccepts>(),
    isFavorite: boolean("is_favorite").notNull().default(false),
    lastUsedAt: moment("last_used_at"),
  },
  (table) => [
    index("models_list").on(table.type, table.base, table.name),
    index("models_hash").on(table.hash),
  ],
);

/** Which models each place has, as of its last sync. Kept while the place is not running. */
export const modelPlaces = pgTable(
  "model_places",
  {
    /** A place's `model_list`. */
    place: text("place")
      .notNull()
      .references(() => backends.ref, { onDelete: "cascade" }),
    key: text("key")
      .notNull()
      .references(() => models.key, { onDelete: "cascade" }),
  },
  (table) => [
    primaryKey({ columns: [table.place, table.key] }),
    index("model_places_key").on(table.key),
  ],
);

export type ModelRow = typeof models.$inferSelect;
/** `isAvailable`: at the place in force, or at the one that a query names. */
export type Model = ModelRow & { isAvailable: boolean };
