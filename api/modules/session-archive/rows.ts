import type { ImportedSession, PhotoAssignment } from "#db/queries/archives/session-import";
import type { NewPhoto, GenerationMetadata } from "#db/schema/photos";
import type { Mask } from "#db/schema/masks";
import type { StepParameters } from "#db/schema/steps";
import type { Reference } from "#generation-references";
import type { Json, RecipeTemplate } from "#recipes/recipe";
import { fileColumns, type PictureFacts, uploadedPhoto } from "#library/photo-row";
import { displayName } from "#media/folders/filename";
import { tidyTags, tidyTitle } from "../../fields/text";
import type { DocumentPhoto, DocumentStep, SessionDocument } from "./format";
import { type Maker, promptsOf } from "./maker";
import type { Plan } from "./plan";

/** The facts of an archive's pictures, by photo id. */
export type Pictures = ReadonlyMap<string, PictureFacts>;

/** The masks of an archive as they are kept here, by their hashes in the archive. */
export type Masks = ReadonlyMap<string, Omit<Mask, "usedAt">>;

/**
 * The rows of an archive. An active session is imported as completed, because no workflow runs for it.
 */
export function documentToRows(
  document: SessionDocument,
  plan: Plan,
  { pictures, masks }: { pictures: Pictures; masks: Masks },
  now: Date,
): ImportedSession {
  const { session, steps } = document;
  const idOf = (id: string) => plan.aliases.get(id) ?? id;
  const optionalId = (id: string | undefined) => (id === undefined ? null : idOf(id));
  const hashOf = (mask: string | undefined) => masks.get(mask ?? "")?.contentHash ?? null;
  const makers = new Map(
    steps.flatMap((step) =>
      step.slots.map((slot) => [slot.photo_id, { step, slot }] satisfies [unknown, Maker]),
    ),
  );
  const rowOf = (photo: DocumentPhoto) => ({
    ...photoRow(photo, { maker: makers.get(photo.id), picture: pictures.get(photo.id) }, idOf, now),
    maskHash: hashOf(photo.mask),
    references: referencesOfWire(photo.references, idOf),
  });
  const isActive = session.status === "active";
  return {
    session: {
      id: session.id,
      entryType: session.entry_type,
      sourceImageId: optionalId(session.source_image_id),
      title: tidyTitle(session.title ?? null),
      status: isActive ? "completed" : session.status,
      startedAt: new Date(session.started_at),
      completedAt: isActive ? now : new Date(session.completed_at!),
    },
    steps: steps.map((step) => ({
      id: step.id,
      sessionId: session.id,
      position: step.position,
      parentId: step.parent_id ?? null,
      sourceImageId: optionalId(step.source_image_id),
      maskHash: hashOf(step.mask),
      references: referencesOfWire(step.references, idOf),
      prompt: step.prompt,
      negativePrompt: step.negative_prompt ?? null,
      expand: step.expand ?? false,
      recipeId: step.recipe_id ?? null,
      parameters: parametersOf(step, idOf),
      modelKey: step.model_key,
      modelHash: step.model_hash,
      modelName: step.model_name,
      correlationId: step.correlation_id,
      batchSize: Math.min(step.slots.length, maxBatchSize),
      status: step.status,
      error: step.error ?? null,
      selectedImageId: optionalId(step.selected_image_id),
      costUsd: step.cost_usd ?? null,
      createdAt: new Date(step.created_at),
      startedAt: step.started_at === undefined ? null : new Date(step.started_at),
      completedAt: new Date(step.completed_at),
    })),
    slots: steps.flatMap((step) =>
      step.slots.map((slot) => ({
        stepId: step.id,
        index: slot.index,
        seed: slot.seed,
        prompt: slot.prompt ?? null,
        negativePrompt: slot.negative_prompt ?? null,
        sourceImageId: optionalId(slot.source_image_id),
        enlargement: slot.enlargement ?? null,
        status: slot.status,
        photoId: slot.photo_id ?? null,
        error: slot.error ?? null,
      })),
    ),
    masks: [...masks.values()].map(({ contentHash, width, height, png }) => ({
      contentHash,
      width,
      height,
      png,
      usedAt: now,
    })),
    photos: plan.fresh.map(rowOf),
    refilled: plan.refilled.map(rowOf),
    ...referencesOf(document, plan, idOf),
    restored: plan.restored,
    recipes: (document.recipes ?? []).map((recipe) => ({
      id: recipe.id,
      name: tidyTitle(recipe.name) ?? "Workflow",
      description: tidyTitle(recipe.description ?? null),
      origin: "import",
      template: recipe.template as RecipeTemplate,
      createdAt: new Date(recipe.created_at),
    })),
  };
}

/** The bound of the column. */
const maxBatchSize = 100;

function parametersOf(step: DocumentStep, idOf: (id: string) => string): StepParameters {
  const { recipe, ...known } = step.parameters;
  const parameters = camelCased<StepParameters>(known);
  if (!recipe) return parameters;
  return { ...parameters, recipe: { ...recipe, inputs: inputsOf(recipe.inputs, idOf) } };
}

/** The ids of inputs are names of the recipe's own. Photos may have other ids here; they stand alone or in lists. */
function inputsOf(inputs: unknown, idOf: (id: string) => string): Record<string, Json> {
  const here = (value: Json): Json => {
    if (Array.isArray(value)) return value.map(here);
    return typeof value === "string" ? idOf(value) : value;
  };
  const entries = Object.entries(inputs as Record<string, Json>);
  return Object.fromEntries(entries.map(([id, value]) => [id, here(value)]));
}

/** Photos may have other ids here. */
function referencesOfWire(
  references: DocumentStep["references"],
  idOf: (id: string) => string,
): Reference[] | null {
  if (!references) return null;
  return camelCased<Reference[]>(references).map((reference) => ({
    ...reference,
    imageId: idOf(reference.imageId),
  }));
}

/** The references of the photos. A photo that existed before only gets its session, step and slot. */
function referencesOf(document: SessionDocument, plan: Plan, idOf: (id: string) => string) {
  const { session, steps, lineage } = document;
  const placeOf = new Map(
    steps.flatMap((step) =>
      step.slots.map(({ photo_id, index }) => [photo_id, { stepId: step.id, index }] as const),
    ),
  );
  // A variation's edge follows from the session's source.
  const sources = new Map(
    lineage.filter(({ kind }) => kind !== "variation").map(({ from, to }) => [to, idOf(from)]),
  );
  const place = (id: string): PhotoAssignment => {
    const own = placeOf.get(id);
    return {
      id,
      sessionId: own ? session.id : null,
      stepId: own?.stepId ?? null,
      slotIndex: own?.index ?? null,
    };
  };
  return {
    links: [...plan.fresh, ...plan.refilled].map(({ id }) => ({
      ...place(id),
      sourceImageId: sources.get(id) ?? null,
    })),
    assignments: plan.kept.map(place),
  };
}

function photoRow(
  photo: DocumentPhoto,
  { maker, picture }: { maker: Maker | undefined; picture: PictureFacts | undefined },
  idOf: (id: string) => string,
  now: Date,
): NewPhoto {
  const { id, kind } = photo;
  const createdAt = new Date(photo.created_at);
  if (photo.absent === "deleted") {
    // The row that a purge leaves behind for the lineage.
    const gone = { deletedAt: now, purgedAt: now };
    return { id, kind, filename: "", createdAt, retrievalStatus: "completed", ...gone };
  }
  const owners = {
    id,
    filename: displayName(photo.filename, "photo"),
    createdAt,
    title: tidyTitle(photo.title ?? null),
    tags: tidyTags(photo.tags),
    isFavorite: photo.is_favorite,
    rating: photo.rating ?? null,
  };
  if (kind === "uploaded") return { ...owners, ...uploadedPhoto({ ...owners, image: picture! }) };
  const generated = {
    ...owners,
    kind,
    generation: generationRow(photo, maker, idOf),
    costUsd: photo.cost_usd ?? null,
  };
  if (!picture) {
    const retrievalError = "The image had not been fetched when its session was exported.";
    return { ...generated, retrievalStatus: "failed", retrievalError };
  }
  return {
    ...generated,
    ...fileColumns(picture),
    retrievalStatus: "completed",
  };
}

/** The prompts of the session's own images are stored in their step, and in its slots if it is expanded. */
function generationRow(
  { generation_metadata: made }: DocumentPhoto,
  maker: Maker | undefined,
  idOf: (id: string) => string,
): GenerationMetadata | null {
  if (!made) return null;
  const { recipe, ...known } = made;
  return {
    ...camelCased<GenerationMetadata>(known),
    ...(maker && promptsOf(maker)),
    ...(recipe && { recipe: { ...recipe, inputs: inputsOf(recipe.inputs, idOf) } }),
  };
}

/**
 * Converts wire names to those of the rows, without a list of fields that could miss a new one. The cast is safe,
 * because the schema allows no other fields.
 */
function camelCased<Row>(value: unknown): Row {
  if (Array.isArray(value)) return value.map(camelCased) as Row;
  if (typeof value !== "object" || value === null) return value as Row;
  const toCamel = (name: string) => name.replaceAll(/_(\w)/g, (_, letter) => letter.toUpperCase());
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => [toCamel(name), camelCased(inner)]),
  ) as Row;
}
