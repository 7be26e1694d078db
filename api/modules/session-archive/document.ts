import type { SessionRows } from "#db/queries/archives/session-archive";
import type { Photo } from "#db/schema/photos";
import type { Recipe } from "#db/schema/recipes";
import type { Slot, Step } from "#db/schema/steps";
import type { ImageMimeType } from "#media/pictures/formats";
import { parametersToWire } from "../generation/parameters-model";
import { generationToWire } from "../photos/generation-metadata";
import {
  type DocumentPhoto,
  type DocumentStep,
  formatName,
  formatVersion,
  type SessionDocument,
} from "./format";

/** The archive entry of each photo's original, by photo id. Photos whose bytes are missing have none. */
export type FileNames = ReadonlyMap<string, string>;

/** The `session.json` of a session. */
export function sessionToDocument(
  rows: SessionRows,
  files: FileNames,
  exportedAt: Date,
): SessionDocument {
  const { session } = rows;
  const slotsOf = Map.groupBy(rows.slots, (slot) => slot.stepId);
  return {
    format: formatName,
    version: formatVersion,
    exported_at: exportedAt.toISOString(),
    session: {
      id: session.id,
      entry_type: session.entryType,
      ...(session.sourceImageId !== null && { source_image_id: session.sourceImageId }),
      ...(session.title !== null && { title: session.title }),
      status: session.status,
      started_at: session.startedAt.toISOString(),
      ...(session.completedAt && { completed_at: session.completedAt.toISOString() }),
    },
    steps: rows.steps.map((step) => stepToDocument(step, slotsOf.get(step.id) ?? [])),
    photos: rows.photos.map((photo) => photoToDocument(photo, session.id, files.get(photo.id))),
    lineage: listEdges(rows),
    models: listModels(rows),
    ...(rows.recipes.length > 0 && { recipes: rows.recipes.map(recipeToDocument) }),
    ...(rows.masks.length > 0 && {
      masks: rows.masks.map(({ contentHash, png }) => ({
        content_hash: contentHash,
        png: Buffer.from(png).toString("base64"),
      })),
    }),
  };
}

function stepToDocument(step: Step, slots: readonly Slot[]): DocumentStep {
  return {
    id: step.id,
    position: step.position,
    ...(step.parentId !== null && { parent_id: step.parentId }),
    ...(step.sourceImageId !== null && { source_image_id: step.sourceImageId }),
    ...(step.recipeId !== null && { recipe_id: step.recipeId }),
    ...(step.maskHash !== null && { mask: step.maskHash }),
    prompt: step.prompt,
    ...(step.negativePrompt !== null && { negative_prompt: step.negativePrompt }),
    ...(step.expand && { expand: true }),
    parameters: parametersToWire(step.parameters),
    model_key: step.modelKey,
    model_hash: step.modelHash,
    model_name: step.modelName,
    correlation_id: step.correlationId,
    // A session with a running step is not exported.
    status: step.status as DocumentStep["status"],
    ...(step.error && { error: step.error }),
    ...(step.selectedImageId !== null && { selected_image_id: step.selectedImageId }),
    ...(step.costUsd !== null && { cost_usd: step.costUsd }),
    created_at: step.createdAt.toISOString(),
    ...(step.startedAt && { started_at: step.startedAt.toISOString() }),
    completed_at: step.completedAt!.toISOString(),
    slots: slots.map((slot) => ({
      index: slot.index,
      seed: slot.seed,
      ...(slot.prompt !== null && { prompt: slot.prompt }),
      ...(slot.negativePrompt !== null && { negative_prompt: slot.negativePrompt }),
      ...(slot.sourceImageId !== null && { source_image_id: slot.sourceImageId }),
      ...(slot.enlargement && { enlargement: slot.enlargement }),
      status: slot.status,
      ...(slot.photoId !== null && { photo_id: slot.photoId }),
      ...(slot.error && { error: slot.error }),
    })),
  };
}

/** Its template has the names of rows: it is data, not a part of the API. */
function recipeToDocument(recipe: Recipe) {
  return {
    id: recipe.id,
    name: recipe.name,
    ...(recipe.description !== null && { description: recipe.description }),
    template: recipe.template,
    created_at: recipe.createdAt.toISOString(),
  };
}

function photoToDocument(photo: Photo, sessionId: string, file: string | undefined): DocumentPhoto {
  const { id, kind } = photo;
  const created_at = photo.createdAt.toISOString();
  if (file === undefined && isGone(photo)) {
    const none = { filename: "", tags: [], is_favorite: false };
    return { id, kind, absent: "deleted", created_at, ...none };
  }
  return {
    id,
    kind,
    ...(file === undefined
      ? { absent: "not_retrieved" as const }
      : {
          file,
          mime_type: photo.mimeType as ImageMimeType,
          width: photo.width!,
          height: photo.height!,
          file_size: photo.fileSize!,
          content_hash: photo.contentHash!,
        }),
    filename: photo.filename,
    created_at,
    ...(photo.title !== null && { title: photo.title }),
    tags: photo.tags,
    is_favorite: photo.isFavorite,
    ...(photo.rating !== null && { rating: photo.rating }),
    ...(photo.costUsd !== null && { cost_usd: photo.costUsd }),
    ...(photo.maskHash !== null && { mask: photo.maskHash }),
    ...(photo.generation &&
      kind === "generated" && { generation_metadata: madeWith(photo, sessionId) }),
  };
}

/** In the trash, deleted for good, or an upload whose file was lost: exported without a picture. */
function isGone({ kind, deletedAt }: Photo): boolean {
  return deletedAt !== null || kind === "uploaded";
}

/** The prompt of the session's own images is stored once, in their step. */
function madeWith(photo: Photo, sessionId: string) {
  const { prompt, negative_prompt, prompt_template, negative_template, ...rest } = generationToWire(
    photo.generation!,
  );
  const prompts = { prompt, negative_prompt, prompt_template, negative_template };
  return photo.sessionId === sessionId ? rest : { ...rest, ...prompts };
}

function listEdges({ session, steps, photos }: SessionRows): SessionDocument["lineage"] {
  const stepOf = new Map(steps.map((step) => [step.id, step]));
  const edges: SessionDocument["lineage"] = [];
  for (const { id: to, stepId, sourceImageId } of photos) {
    const step = stepId === null ? undefined : stepOf.get(stepId);
    if (sourceImageId !== null) {
      const before = step?.parentId ? stepOf.get(step.parentId) : undefined;
      const isChoice = before?.selectedImageId === sourceImageId;
      edges.push({ from: sourceImageId, to, kind: isChoice ? "selected" : "img2img" });
    } else if (step && session.sourceImageId !== null) {
      edges.push({ from: session.sourceImageId, to, kind: "variation" });
    }
  }
  return edges;
}

/** The models used, as far as known, with enough detail to find them in another installation. */
function listModels({ steps, models }: SessionRows): SessionDocument["models"] {
  const known = models.map(({ key, hash, name, type, base }) => ({ key, hash, name, type, base }));
  const listed = new Map(known.map((model) => [model.key, model]));
  const gone = steps
    .filter(({ modelKey }) => modelKey !== "" && !listed.has(modelKey))
    .map((step) => ({ key: step.modelKey, hash: step.modelHash, name: step.modelName }));
  return [...known, ...new Map(gone.map((model) => [model.key, model])).values()];
}
