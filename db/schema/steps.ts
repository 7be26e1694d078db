import { sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  primaryKey,
  real,
  smallint,
  text,
  uniqueIndex,
  uuid,
  bigint,
} from "drizzle-orm/pg-core";
import type {
  CompanionKeys,
  Enlargement,
  Hires,
  Options,
  Painting,
  Upscaled,
} from "#generation-parameters";
import type { Reference } from "#generation-references";
import type { Json } from "#recipes/recipe";
import { among, moment, priorities, scheduleColumns } from "./columns";
import { masks } from "./masks";
import { photos } from "./photos";
import { recipes } from "./recipes";
import { sessions } from "./sessions";

export const liveStatuses = ["pending", "processing"] as const;
export const endStatuses = ["completed", "failed", "cancelled"] as const;
export const stepStatuses = [...liveStatuses, ...endStatuses] as const;
export type StepStatus = (typeof stepStatuses)[number];

/** Everything that a graph is built from. Complete: defaults are filled in before the row is written. */
export type StepParameters = Options &
  CompanionKeys &
  Painting &
  Hires &
  Upscaled & {
    modelKey: string;
    modelHash: string;
    width: number;
    height: number;
    steps: number;
    cfgScale: number;
    scheduler: string;
    batchSize: number;
    seed: number;
    /** Image to image only, 0–1. */
    strength?: number;
    vaeKey?: string;
    loras?: { modelKey: string; weight: number }[];
    /** The step runs a recipe; the fields above say what is known of its workflow, 0 or "" where nothing is. */
    recipe?: StepRecipe;
  };

/** What a step sets in the template of its recipe. */
export type StepRecipe = {
  name: string;
  /** By the id of the input, complete: defaults are filled in. Models are keys, images are ids of photos. */
  inputs: Record<string, Json>;
  /** The models among the inputs. */
  models: { key: string; hash: string }[];
  /** The inputs that the seed of an image sets. */
  seeds: string[];
  /** How many pictures one seed makes of each combination, as far as that is known before. */
  outputs: number;
  /**
   * The inputs that are lists, of which each combination is drawn. Those of one group go together, value by value; the last
   * group changes fastest. Absent: none.
   */
  axes?: string[][];
};

/** A failure as text for the user; `details`: InvokeAI's own message when the failure has no specific code. */
export type StepError = { code: string; message: string; suggestion: string; details?: string };

export const steps = pgTable(
  "steps",
  {
    id: uuid("id").primaryKey(),
    sessionId: uuid("session_id")
      .notNull()
      .references((): AnyPgColumn => sessions.id, { onDelete: "cascade" }),
    position: integer("position").notNull(),
    parentId: uuid("parent_id").references((): AnyPgColumn => steps.id, { onDelete: "set null" }),
    /** Resolved when the step was requested: its own, or the parent's selected image, or the session's. */
    sourceImageId: uuid("source_image_id").references((): AnyPgColumn => photos.id, {
      onDelete: "set null",
    }),
    /** White is painted, black is kept; null: no mask. */
    maskHash: text("mask_hash").references(() => masks.contentHash),
    /** The pictures that it is conditioned on, besides its source; null: none. */
    references: jsonb("reference_images").$type<Reference[]>(),
    prompt: text("prompt").notNull(),
    negativePrompt: text("negative_prompt"),
    /** Both prompts are templates; each slot holds its own final prompts. */
    expand: boolean("expand").notNull().default(false),
    parameters: jsonb("parameters").$type<StepParameters>().notNull(),
    modelKey: text("model_key").notNull(),
    modelHash: text("model_hash").notNull(),
    modelName: text("model_name").notNull(),
    correlationId: uuid("correlation_id").notNull(),
    batchSize: smallint("batch_size").notNull(),
    status: text("status").$type<StepStatus>().notNull().default("pending"),
    progressMessage: text("progress_message"),
    error: jsonb("error").$type<StepError>(),
    /** The recipe that it runs, also once that was deleted. */
    recipeId: uuid("recipe_id").references((): AnyPgColumn => recipes.id),
    selectedImageId: uuid("selected_image_id").references((): AnyPgColumn => photos.id, {
      onDelete: "set null",
    }),
    ...scheduleColumns(),
    cancelRequestedAt: moment("cancel_requested_at"),
    createdAt: moment("created_at").notNull().defaultNow(),
    startedAt: moment("started_at"),
    completedAt: moment("completed_at"),
    costUsd: numeric("cost_usd", { precision: 12, scale: 6, mode: "number" }),
  },
  (table) => [
    check("steps_status", among(table.status, stepStatuses)),
    check("steps_priority", among(table.priority, priorities)),
    check("steps_batch_size", sql`${table.batchSize} between 1 and 100`),
    check(
      "steps_end",
      sql`(${among(table.status, endStatuses)}) = (${table.completedAt} is not null)`,
    ),
    uniqueIndex("steps_order").on(table.sessionId, table.position),
    index("steps_live").on(table.createdAt, table.id).where(among(table.status, liveStatuses)),
    // For the time that earlier batches of this kind took: db/queries/generation/pace.ts.
    index("steps_pace")
      .on(
        table.modelHash,
        sql`((${table.parameters} ->> 'width')::int * (${table.parameters} ->> 'height')::int)`,
        table.completedAt,
      )
      .where(sql`${table.status} = 'completed'`),
    index("steps_parent").on(table.parentId),
    index("steps_source").on(table.sourceImageId),
    index("steps_mask")
      .on(table.maskHash)
      .where(sql`${table.maskHash} is not null`),
    // By containment: `[{"imageId": …}]`.
    index("steps_references")
      .using("gin", table.references.op("jsonb_path_ops"))
      .where(sql`${table.references} is not null`),
    index("steps_selected").on(table.selectedImageId),
    index("steps_recipe").on(table.recipeId),
  ],
);

/** `lost`: InvokeAI generated the image, but no longer had it when it was fetched. */
export const slotStatuses = ["open", "filled", "failed", "lost"] as const;
export type SlotStatus = (typeof slotStatuses)[number];

/** One requested image. Created before anything is queued, filled at most once. */
export const slots = pgTable(
  "slots",
  {
    stepId: uuid("step_id")
      .notNull()
      .references(() => steps.id, { onDelete: "cascade" }),
    index: smallint("slot_index").notNull(),
    seed: bigint("seed", { mode: "number" }).notNull(),
    /** Of an expanded step its final prompts, else that of the picture which it enlarges; null: the step's own. */
    prompt: text("prompt"),
    negativePrompt: text("negative_prompt"),
    /** The picture that it enlarges, of a step that enlarges several; null: the step's source, if it has one. */
    sourceImageId: uuid("source_image_id").references((): AnyPgColumn => photos.id, {
      onDelete: "set null",
    }),
    enlargement: jsonb("enlargement").$type<Enlargement>(),
    status: text("status").$type<SlotStatus>().notNull().default("open"),
    photoId: uuid("photo_id").references((): AnyPgColumn => photos.id, { onDelete: "set null" }),
    error: jsonb("error").$type<StepError>(),
    /** How often its item has failed since the step was requested or retried. */
    failures: smallint("failures").notNull().default(0),
  },
  (table) => [
    primaryKey({ columns: [table.stepId, table.index] }),
    check("slots_status", among(table.status, slotStatuses)),
    check("slots_seed", sql`${table.seed} between 0 and 4294967295`),
    index("slots_source")
      .on(table.sourceImageId)
      .where(sql`${table.sourceImageId} is not null`),
    uniqueIndex("slots_photo_once")
      .on(table.photoId)
      .where(sql`${table.photoId} is not null`),
  ],
);

export type Slot = typeof slots.$inferSelect;

/** Names on a backend of pictures that a graph uses besides its source, by their roles in it. */
export type ImageNames = Record<string, string>;

const attemptOutcomes = ["finished", "interrupted", "cancelled", "refused"] as const;
export type AttemptOutcome = (typeof attemptOutcomes)[number];

/** One batch sent to InvokeAI for the open slots of a step. */
export const attempts = pgTable(
  "attempts",
  {
    stepId: uuid("step_id")
      .notNull()
      .references(() => steps.id, { onDelete: "cascade" }),
    number: smallint("number").notNull(),
    /** `<step id>-<number>`, also InvokeAI's batch id and destination. */
    batchId: text("batch_id").notNull(),
    backend: text("backend").notNull(),
    slotIndexes: smallint("slot_indexes").array().notNull(),
    /** The uploaded source's name on the backend. */
    sourceImageName: text("source_image_name"),
    /** The names of the other pictures of its graph, by their roles. */
    imageNames: jsonb("image_names").$type<ImageNames>().notNull().default({}),
    /** Set by the caller that wins the right to send the batch. One that finds it set must treat the outcome as unknown. */
    postedAt: moment("posted_at"),
    /** The batch was seen on the server. */
    acceptedAt: moment("accepted_at"),
    settledAt: moment("settled_at"),
    outcome: text("outcome").$type<AttemptOutcome>(),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.stepId, table.number] }),
    uniqueIndex("attempts_batch").on(table.batchId),
    // A step has at most one batch in flight.
    uniqueIndex("attempts_one_open")
      .on(table.stepId)
      .where(sql`${table.settledAt} is null`),
    check("attempts_outcome", among(table.outcome, attemptOutcomes)),
    check("attempts_end", sql`(${table.settledAt} is null) = (${table.outcome} is null)`),
  ],
);

export type Attempt = typeof attempts.$inferSelect;

/** The current progress of a running step. Unlogged: a crash of Postgres empties the table, which is harmless. */
export const stepProgress = pgTable(
  "step_progress",
  {
    stepId: uuid("step_id").primaryKey(),
    /** 0–1 over the whole batch. */
    progress: real("progress").notNull(),
    /** 0–1 of the current image; null between two images. */
    imageProgress: real("image_progress"),
    message: text("message"),
    /** A small picture as a data URL, at most 32 KiB. */
    preview: text("preview"),
    estimatedCompletion: moment("estimated_completion"),
    updatedAt: moment("updated_at").notNull().defaultNow(),
  },
  (table) => [
    foreignKey({
      columns: [table.stepId],
      foreignColumns: [steps.id],
      name: "step_progress_step",
    }).onDelete("cascade"),
    check("step_progress_range", sql`${table.progress} between 0 and 1`),
    check("step_progress_image", sql`${table.imageProgress} between 0 and 1`),
  ],
);

export type Step = typeof steps.$inferSelect;
export type StepProgress = typeof stepProgress.$inferSelect;
