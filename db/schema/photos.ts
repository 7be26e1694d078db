import { getTableColumns, sql } from "drizzle-orm";
import {
  type AnyPgColumn,
  bigint,
  boolean,
  check,
  customType,
  foreignKey,
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
import type { CompanionKeys, Hires, Options, Painting, Upscaled } from "#generation-parameters";
import type { Reference } from "#generation-references";
import type { Json } from "#recipes/recipe";
import { among, moment } from "./columns";
import { masks } from "./masks";
import { sessions } from "./sessions";
import { steps } from "./steps";

/** Search words. The program computes them, as SQL cannot fold accents. */
const words = customType<{ data: string }>({ dataType: () => "tsvector" });

export const photoKinds = ["uploaded", "generated"] as const;
export type PhotoKind = (typeof photoKinds)[number];
/**
 * Where `takenAt` was found: EXIF, XMP or IPTC; `exif_modified`: EXIF's time of the last change; `sidecar`: a file beside
 * the picture; `file`: the file's modification time.
 */
export const takenAtSources = ["exif", "xmp", "iptc", "exif_modified", "sidecar", "file"] as const;
export type TakenAtSource = (typeof takenAtSources)[number];
export const retrievalStatuses = ["pending", "processing", "completed", "failed"] as const;
export type RetrievalStatus = (typeof retrievalStatuses)[number];

/** The parameters of a generated picture. An absent field is unknown, not default. */
export type GenerationMetadata = Options &
  CompanionKeys &
  Painting &
  Hires &
  Upscaled & {
    prompt?: string;
    negativePrompt?: string;
    /** What the prompts were expanded from. */
    promptTemplate?: string;
    negativeTemplate?: string;
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
    /** With InvokeAI's key; for a picture made by another program, with the recorded name. */
    loras?: { modelKey?: string; name?: string; weight: number }[];
    /** The recipe that made it, which of its outputs it is, counted from 0, and its inputs by id. */
    recipe?: { id: string; name: string; output: number; inputs: Record<string, Json> };
  };

/** What the sidecars of a picture record. An absent field is unknown. */
export type SidecarRecord = {
  /** Degrees, south and west negative; metres above the sea. */
  place?: { latitude: number; longitude: number; altitudeM?: number };
  description?: string;
};

/** Why a picture could not be reproduced, or why the result differs. */
export const reproductionReasons = [
  "no_recorded_graph",
  "graph_unknown",
  "graph_refused",
  "model_gone",
  "model_differs",
  "version_differs",
  "source_gone",
  "out_of_memory",
  "interrupted",
  "failed",
] as const;
export type ReproductionReason = (typeof reproductionReasons)[number];

export const verdicts = ["identical", "near", "different", "impossible"] as const;
type Verdict = (typeof verdicts)[number];

/** The result of running a photo's recorded graph again. */
export type Reproduction = {
  verdict: Verdict;
  /** Mean difference per channel, 0 to 255; absent when the sizes differ. */
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
    /** Also null for photos older than this column. */
    takenAtSource: text("taken_at_source").$type<TakenAtSource>(),
    /** For sorting: the camera's time, or the time of creation in UTC if there is none. */
    shownAt: timestamp("shown_at", { precision: 3, mode: "string" }).generatedAlwaysAs(
      sql`coalesce("taken_at", "created_at" at time zone 'UTC')`,
    ),
    title: text("title"),
    tags: text("tags").array().notNull().default([]),
    /** The tags as compared: lower case. */
    tagKeys: text("tag_keys").array().notNull().default([]),
    /** Folded words of prompt, negative prompt, title, filename and tags; empty: not computed yet. */
    search: words("search").notNull().default(""),
    isFavorite: boolean("is_favorite").notNull().default(false),
    rating: smallint("rating"),
    deletedAt: moment("deleted_at"),
    /** Files and content were deleted permanently; the row stays while a lineage needs it. */
    purgedAt: moment("purged_at"),

    retrievalStatus: text("retrieval_status").$type<RetrievalStatus>().notNull(),
    retrievalAttempts: integer("retrieval_attempts").notNull().default(0),
    retrievalError: text("retrieval_error"),
    /** The place that holds the image. */
    backend: text("backend"),
    /** The image's name in InvokeAI. */
    invokeId: text("invoke_id"),

    sessionId: uuid("session_id").references((): AnyPgColumn => sessions.id, {
      onDelete: "set null",
    }),
    stepId: uuid("step_id").references((): AnyPgColumn => steps.id, { onDelete: "set null" }),
    slotIndex: smallint("slot_index"),
    sourceImageId: uuid("source_image_id").references((): AnyPgColumn => photos.id, {
      onDelete: "set null",
    }),
    /** Of the step that made it. */
    maskHash: text("mask_hash").references(() => masks.contentHash),
    /** Of the step that made it: parents in its lineage. */
    references: jsonb("reference_images").$type<Reference[]>(),
    generation: jsonb("generation").$type<GenerationMetadata>(),
    /** SHA-256 of the prompt, hex; for finding photos with the same prompt. */
    promptHash: text("prompt_hash"),
    costUsd: numeric("cost_usd", { precision: 12, scale: 6, mode: "number" }),
    /** From its sidecars at import; date and title have columns of their own. */
    sidecar: jsonb("sidecar").$type<SidecarRecord>(),
    /** The latest verdict on running its graph again. */
    reproduction: jsonb("reproduction").$type<Reproduction>(),
  },
  (table) => [
    check("photos_kind", among(table.kind, photoKinds)),
    check("photos_taken_at_source", among(table.takenAtSource, takenAtSources)),
    check("photos_retrieval_status", among(table.retrievalStatus, retrievalStatuses)),
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
    // Uploads with equal bytes are one photo; generated images may have equal bytes.
    uniqueIndex("photos_upload_once")
      .on(table.contentHash)
      .where(sql`${table.kind} = 'uploaded'`),
    index("photos_generated_bytes")
      .on(table.contentHash)
      .where(sql`${table.kind} = 'generated' and ${table.contentHash} is not null`),
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
    // Photos of an album are spread over the whole table. Counts of albums, and places in a shared one, read only this index.
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
    // Photos without search words; almost always empty.
    index("photos_unsearched")
      .on(table.id)
      .where(sql`${table.search} = '' and ${table.purgedAt} is null`),
    index("photos_session").on(table.sessionId, table.createdAt, table.id),
    index("photos_step").on(table.stepId, table.slotIndex),
    index("photos_source").on(table.sourceImageId),
    index("photos_mask")
      .on(table.maskHash)
      .where(sql`${table.maskHash} is not null`),
    index("photos_references")
      .using("gin", table.references.op("jsonb_path_ops"))
      .where(sql`${table.references} is not null`),
    index("photos_live_retrievals")
      .on(table.id)
      .where(sql`${table.retrievalStatus} in ('pending', 'processing')`),
    // Nearly all photos are completed; leaving them out keeps the index small.
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

/** The exclusive right to fetch a photo's image now. Unlogged: a crash of Postgres empties the table, which is harmless. */
export const retrievalClaims = pgTable(
  "retrieval_claims",
  {
    photoId: uuid("photo_id").primaryKey(),
    /** A new one for each attempt. */
    holder: uuid("holder").notNull(),
    /** By the clock of the database; extended while the image is fetched. */
    expiresAt: moment("expires_at").notNull(),
  },
  (table) => [
    foreignKey({
      columns: [table.photoId],
      foreignColumns: [photos.id],
      name: "retrieval_claims_photo",
    }).onDelete("cascade"),
  ],
);

const {
  search: _search,
  tagKeys: _tagKeys,
  promptHash: _hash,
  ...columns
} = getTableColumns(photos);

/** The columns of a `Photo`: without those that only serve searching, which can be larger than all others. */
export const photoColumns = columns;

const {
  purgedAt: _purgedAt,
  backend: _backend,
  slotIndex: _slotIndex,
  sidecar: _sidecar,
  ...listed
} = columns;

/** The columns of a photo that lists display or sort by. */
export const listedColumns = listed;

export type Photo = Omit<typeof photos.$inferSelect, "search" | "tagKeys" | "promptHash">;
export type ListedPhoto = Pick<Photo, keyof typeof listedColumns>;
export type NewPhoto = typeof photos.$inferInsert;
