import { getTableColumns, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  numeric,
  pgTable,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { moment } from "./columns";
import { sessions } from "./sessions";
import { steps } from "./steps";

/** Words to be found by, made in code: accents are folded there. */
const words = customType<{ data: string }>({ dataType: () => "tsvector" });

export type PhotoKind = "uploaded" | "generated";
export type RetrievalStatus = "pending" | "processing" | "completed" | "failed";

/** What a generated picture was made with. Absent fields are unknown, not default. */
export type GenerationMetadata = {
  prompt?: string;
  negativePrompt?: string;
  modelKey?: string;
  modelHash?: string;
  modelName?: string;
  seed?: number;
  steps?: number;
  cfgScale?: number;
  scheduler?: string;
  width?: number;
  height?: number;
  strength?: number;
  vaeKey?: string;
  t5EncoderKey?: string;
  clipEmbedKey?: string;
  clipSkip?: number;
  guidance?: number;
  /** By InvokeAI's key, or for a picture made elsewhere by the name that was written there. */
  loras?: { modelKey?: string; name?: string; weight: number }[];
};

/** Why a picture could not be made again, or why another one came of it. */
export type ReproductionReason =
  | "no_recorded_graph"
  | "graph_unknown"
  | "graph_refused"
  | "model_gone"
  | "model_differs"
  | "version_differs"
  | "source_gone"
  | "out_of_memory"
  | "interrupted"
  | "failed";

/** What came of running a photo's recorded graph again. */
export type Reproduction = {
  verdict: "identical" | "near" | "different" | "impossible";
  /** Mean difference of a channel, 0 to 255; where both pictures are of one size. */
  distance?: number;
  reason?: ReproductionReason;
  /** ISO 8601. */
  checkedAt: string;
};

export const photos = pgTable(
  "photos",
  {
    id: uuid("id").primaryKey(),
    kind: text("kind").$type<PhotoKind>().notNull(),
    filename: text("filename").notNull(),
    mimeType: text("mime_type"),
    width: integer("width"),
    height: integer("height"),
    fileSize: bigint("file_size", { mode: "number" }),
    contentHash: text("content_hash"),
    thumbhash: text("thumbhash"),
    createdAt: moment("created_at").notNull().defaultNow(),
    /** The camera's wall clock, which has no zone. */
    takenAt: timestamp("taken_at", { precision: 3, mode: "string" }),
    takenAtOffsetMinutes: smallint("taken_at_offset_minutes"),
    /** By which moment the picture is shown: the camera's, else when it came here. */
    shownAt: timestamp("shown_at", { precision: 3, mode: "string" }).generatedAlwaysAs(
      sql`coalesce("taken_at", "created_at" at time zone 'UTC')`,
    ),
    title: text("title"),
    tags: text("tags").array().notNull().default([]),
    /** The tags as they are compared: without case. */
    tagKeys: text("tag_keys").array().notNull().default([]),
    /** Folded words of prompt, negative prompt, title, filename and tags; empty: not made yet. */
    search: words("search").notNull().default(""),
    isFavorite: boolean("is_favorite").notNull().default(false),
    rating: smallint("rating"),
    deletedAt: moment("deleted_at"),
    /** Files and content are gone for good; the row stays while a lineage needs it. */
    purgedAt: moment("purged_at"),

    retrievalStatus: text("retrieval_status").$type<RetrievalStatus>().notNull(),
    retrievalAttempts: integer("retrieval_attempts").notNull().default(0),
    retrievalError: text("retrieval_error"),
    /** Which InvokeAI holds the image: `local`, or a pod's session. */
    backend: text("backend"),
    /** The image's name there. */
    invokeId: text("invoke_id"),

    sessionId: uuid("session_id").references((): AnyPgColumn => sessions.id, {
      onDelete: "set null",
    }),
    stepId: uuid("step_id").references((): AnyPgColumn => steps.id, { onDelete: "set null" }),
    slotIndex: smallint("slot_index"),
    sourceImageId: uuid("source_image_id").references((): AnyPgColumn => photos.id, {
      onDelete: "set null",
    }),
    generation: jsonb("generation").$type<GenerationMetadata>(),
    /** SHA-256 of the prompt, hex: the same prompt, the same value. */
    promptHash: text("prompt_hash"),
    costUsd: numeric("cost_usd", { precision: 12, scale: 6, mode: "number" }),
    /** The last verdict on running its graph again. */
    reproduction: jsonb("reproduction").$type<Reproduction>(),
  },
  (table) => [
    check("photos_kind", sql`${table.kind} in ('uploaded', 'generated')`),
    check(
      "photos_retrieval_status",
      sql`${table.retrievalStatus} in ('pending', 'processing', 'completed', 'failed')`,
    ),
    check(
      "photos_completed_has_bytes",
      sql`${table.retrievalStatus} <> 'completed' or ${table.purgedAt} is not null or (${table.mimeType} is not null and ${table.width} > 0 and ${table.height} > 0 and ${table.fileSize} > 0 and ${table.contentHash} ~ '^[0-9a-f]{64}$')`,
    ),
    check(
      "photos_upload_is_complete",
      sql`${table.kind} <> 'uploaded' or ${table.retrievalStatus} = 'completed'`,
    ),
    check(
      "photos_purged_is_trashed",
      sql`${table.purgedAt} is null or ${table.deletedAt} is not null`,
    ),
    check("photos_rating", sql`${table.rating} between 0 and 5`),
    // Two generated images may have equal bytes; two uploads are then one photo.
    uniqueIndex("photos_upload_once")
      .on(table.contentHash)
      .where(sql`${table.kind} = 'uploaded'`),
    uniqueIndex("photos_slot_once")
      .on(table.stepId, table.slotIndex)
      .where(sql`${table.stepId} is not null`),
    uniqueIndex("photos_invoke_image_once")
      .on(table.invokeId)
      .where(sql`${table.invokeId} is not null`),
    // Ascending and read backwards: `desc()` in an index puts nulls last, and `order by … desc` would not use it.
    index("photos_newest")
      .on(table.createdAt, table.id)
      .where(sql`${table.deletedAt} is null`),
    // What an album counts: its rows are spread over all of the table, and need not be read for it.
    index("photos_present")
      .on(table.id, table.retrievalStatus)
      .where(sql`${table.deletedAt} is null`),
    index("photos_newest_by_kind")
      .on(table.kind, table.createdAt, table.id)
      .where(sql`${table.deletedAt} is null`),
    index("photos_taken")
      .on(table.shownAt, table.id)
      .where(sql`${table.deletedAt} is null`),
    // Months are counted from the index alone.
    index("photos_timeline")
      .on(table.takenAt, table.createdAt)
      .where(sql`${table.deletedAt} is null`),
    index("photos_rated")
      .on(sql`coalesce(${table.rating}, -1)`, table.createdAt, table.id)
      .where(sql`${table.deletedAt} is null`),
    index("photos_favorite")
      .on(table.createdAt, table.id)
      .where(sql`${table.isFavorite} and ${table.deletedAt} is null`),
    index("photos_model")
      .on(sql`(${table.generation} ->> 'modelKey')`, table.createdAt, table.id)
      .where(sql`${table.generation} is not null and ${table.deletedAt} is null`),
    index("photos_prompt")
      .on(table.promptHash, table.createdAt, table.id)
      .where(sql`${table.promptHash} is not null and ${table.deletedAt} is null`),
    index("photos_tags").using("gin", table.tagKeys),
    index("photos_search").using("gin", table.search),
    // Hardly ever holds a row: those whose words are still to be made.
    index("photos_unsearched")
      .on(table.id)
      .where(sql`${table.search} = '' and ${table.purgedAt} is null`),
    index("photos_session").on(table.sessionId, table.createdAt, table.id),
    index("photos_step").on(table.stepId, table.slotIndex),
    index("photos_source").on(table.sourceImageId),
    index("photos_live_retrievals")
      .on(table.id)
      .where(sql`${table.retrievalStatus} in ('pending', 'processing')`),
    // A completed photo says nothing; what is left is little.
    index("photos_by_retrieval")
      .on(table.retrievalStatus, table.createdAt, table.id)
      .where(sql`${table.retrievalStatus} <> 'completed' and ${table.deletedAt} is null`),
    index("photos_newest_trashed")
      .on(table.createdAt, table.id)
      .where(sql`${table.deletedAt} is not null and ${table.purgedAt} is null`),
    index("photos_trash")
      .on(table.deletedAt, table.id)
      .where(sql`${table.deletedAt} is not null and ${table.purgedAt} is null`),
    index("photos_purged")
      .on(table.id)
      .where(sql`${table.purgedAt} is not null`),
  ],
);

const {
  search: _search,
  tagKeys: _tagKeys,
  promptHash: _hash,
  ...columns
} = getTableColumns(photos);

/** The columns of a `Photo`: without what it is only found by, which can be larger than all the rest. */
export const photoColumns = columns;

export type Photo = Omit<typeof photos.$inferSelect, "search" | "tagKeys" | "promptHash">;
export type NewPhoto = typeof photos.$inferInsert;
