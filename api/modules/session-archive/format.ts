import { type Static, t } from "elysia";
import { photoKinds } from "#db/schema/photos";
import { entryTypes, sessionStatuses } from "#db/schema/sessions";
import { endStatuses, slotStatuses } from "#db/schema/steps";
import { imageMimeTypes } from "#media/pictures/formats";
import { momentInput } from "../../fields/moment";
import { oneOf } from "../../fields/one-of";
import { exactJson } from "../../http/bodies/plain-values";
import { tagsSchema, titleSchema } from "../../fields/text";
import { parametersSchema } from "../generation/parameters-model";
import { edgeKinds } from "../photos/lineage";
import { generationMetadata } from "../photos/generation-metadata";
import { templateSchema } from "./template-schema";

/** The entry that describes the others; the first one of an exported archive. */
export const documentName = "session.json";
export const formatName = "gallery-session";
export const formatVersion = 1;

/** Limits of an import. An export of the longest realistic session stays far below. */
export const archiveBounds = {
  documentBytes: 64 * 1024 * 1024,
  /** JSON values and names; 5 000 steps of four images each have about half as many. */
  documentValues: 2_000_000,
  steps: 10_000,
  photos: 20_000,
  /** A generated 4096² PNG of noise has some 50 MB, the largest JPEG that is accepted some 100. */
  pictureBytes: 256 * 1024 * 1024,
  /** Besides pictures and document: entries that are added when an archive is repacked by hand. */
  extraEntries: 1_000,
  nameBytes: 512,
};

const strict = { additionalProperties: false };
const id = t.String({ pattern: "^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$" });
const moment = momentInput();
const words = t.String({ maxLength: 10_000 });
const name = t.String({ minLength: 1, maxLength: 1_000 });
const modelText = t.String({ maxLength: 1_000 });
const smallInteger = t.Integer({ minimum: 0, maximum: 2_147_483_647 });
const hash = t.String({ pattern: "^[0-9a-f]{64}$" });
const side = t.Integer({ minimum: 1, maximum: 100_000 });
const cost = t.Optional(t.Number({ minimum: 0, maximum: 999_999 }));
/** A recipe may make more pictures than were requested. */
const slotIndex = t.Integer({ minimum: 0, maximum: 32_767 });
const error = t.Optional(
  t.Object({ code: words, message: words, suggestion: words, details: t.Optional(words) }, strict),
);

const slot = t.Object(
  {
    index: slotIndex,
    seed: t.Integer({ minimum: 0, maximum: 4_294_967_295 }),
    /** Its final prompts, if its step is expanded; else that of the picture which it enlarges. */
    prompt: t.Optional(words),
    negative_prompt: t.Optional(words),
    source_image_id: t.Optional(id),
    enlargement: t.Optional(
      t.Object({ width: side, height: side, scale: t.Number({ minimum: 1, maximum: 16 }) }, strict),
    ),
    status: oneOf(slotStatuses),
    photo_id: t.Optional(id),
    error,
  },
  strict,
);

const step = t.Object(
  {
    id,
    position: t.Integer({ minimum: 1, maximum: 2_147_483_647 }),
    parent_id: t.Optional(id),
    source_image_id: t.Optional(id),
    recipe_id: t.Optional(id),
    mask: t.Optional(hash),
    /** Empty for an enlarged upload, and for a recipe without one. */
    prompt: words,
    negative_prompt: t.Optional(words),
    /** Both are templates; absent: they are not. */
    expand: t.Optional(t.Boolean()),
    parameters: t.Object(parametersSchema.properties, strict),
    /** Empty for a recipe without a main model. */
    model_key: modelText,
    model_hash: modelText,
    model_name: modelText,
    correlation_id: id,
    status: oneOf(endStatuses),
    error,
    selected_image_id: t.Optional(id),
    cost_usd: cost,
    created_at: moment,
    started_at: t.Optional(moment),
    completed_at: moment,
    slots: t.Array(slot, { minItems: 1, maxItems: 10_000 }),
  },
  strict,
);

const photo = t.Object(
  {
    id,
    kind: oneOf(photoKinds),
    /** The entry of its original; without one `absent` says why. */
    file: t.Optional(t.String({ minLength: 1, maxLength: archiveBounds.nameBytes })),
    absent: t.Optional(oneOf(["deleted", "not_retrieved"])),
    filename: t.String({ maxLength: 1_000 }),
    mime_type: t.Optional(oneOf(imageMimeTypes)),
    width: t.Optional(smallInteger),
    height: t.Optional(smallInteger),
    file_size: t.Optional(t.Integer({ minimum: 1, maximum: archiveBounds.pictureBytes })),
    content_hash: t.Optional(t.String({ pattern: "^[0-9a-f]{64}$" })),
    created_at: moment,
    title: t.Optional(titleSchema),
    tags: tagsSchema,
    is_favorite: t.Boolean(),
    rating: t.Optional(t.Integer({ minimum: 0, maximum: 5 })),
    cost_usd: cost,
    /** The mask that it was painted with. */
    mask: t.Optional(hash),
    generation_metadata: t.Optional(t.Object(generationMetadata.properties, strict)),
  },
  strict,
);

const edge = t.Object({ from: id, to: id, kind: oneOf(edgeKinds) }, strict);

const model = t.Object(
  {
    key: name,
    hash: t.String({ maxLength: 1_000 }),
    name: t.Optional(name),
    type: t.Optional(name),
    base: t.Optional(name),
  },
  strict,
);

const recipe = t.Object(
  {
    id,
    name: t.String({ minLength: 1, maxLength: 200 }),
    description: t.Optional(t.String({ maxLength: 2_000 })),
    template: templateSchema,
    created_at: moment,
  },
  strict,
);

/** A PNG in base64. */
const mask = t.Object(
  { content_hash: hash, png: t.String({ pattern: "^[A-Za-z0-9+/]+=*$", maxLength: 6_000_000 }) },
  strict,
);

/** `session.json`, version 1. docs/api.md describes its fields. */
export const documentSchema = exactJson(
  t.Object(
    {
      format: t.Literal(formatName),
      version: t.Literal(formatVersion),
      exported_at: moment,
      session: t.Object(
        {
          id,
          entry_type: oneOf(entryTypes),
          source_image_id: t.Optional(id),
          title: t.Optional(titleSchema),
          status: oneOf(sessionStatuses),
          started_at: moment,
          completed_at: t.Optional(moment),
        },
        strict,
      ),
      steps: t.Array(step, { maxItems: archiveBounds.steps }),
      photos: t.Array(photo, { maxItems: archiveBounds.photos }),
      lineage: t.Array(edge, { maxItems: archiveBounds.photos }),
      models: t.Array(model, { maxItems: 1_000 }),
      recipes: t.Optional(t.Array(recipe, { maxItems: 1_000 })),
      masks: t.Optional(t.Array(mask, { maxItems: archiveBounds.steps })),
    },
    strict,
  ),
);

export type SessionDocument = Static<typeof documentSchema>;
export type DocumentStep = SessionDocument["steps"][number];
export type DocumentPhoto = SessionDocument["photos"][number];
