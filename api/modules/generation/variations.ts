import type { ApiDeps } from "../../deps";
import type { Tx } from "#db/client";
import { listAvailableModels, listDefaultModels } from "#db/queries/models/available-models";
import { insertEvents } from "#db/queries/events/events";
import { findStepOfSession } from "#db/queries/generation/step-requests";
import { lockSession } from "#db/queries/generation/session-requests";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { findUsedRecipes } from "#db/queries/recipes/recipes";
import { findMask } from "#db/queries/steps/masks";
import type { Mask } from "#db/schema/masks";
import type { Model } from "#db/schema/models";
import type { Photo } from "#db/schema/photos";
import { type Edges, paintingOf } from "#generation-parameters";
import { resolveModels } from "#db/queries/models/model-lookup";
import { AppError, conflict, type FieldFault, invalid, notFound } from "#errors";
import type { Json } from "#recipes/recipe";
import type { RequestedReference } from "../../fields/references";
import { type RequestedParameters, seedCount } from "./parameters";
import { type NoModel, type Recalled, recall, recallModel, recallSeed } from "./recall";
import { readUsability } from "./read-usability";
import { writeSession } from "./sessions";
import { matchingSize } from "./matching-size";
import { writeRecipeStep } from "./recipe-steps";
import type { RequestedSchedule } from "./schedule-model";
import { checkPicture } from "./source";
import { notifySession, writeStep } from "./steps";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId">;

export type VariationRequest = {
  /** The id of the session to open. */
  sessionId: string;
  photoId: string;
  /** undefined: as recorded. */
  prompt: string | undefined;
  /** undefined: as recorded; null: none. */
  negativePrompt: string | null | undefined;
  sameSeed: boolean;
  /** Override the recorded ones. `vaeKey: null`: the model's default VAE. */
  parameters: Omit<Partial<RequestedParameters>, "vaeKey"> & { vaeKey?: string | null | undefined };
  /** The request has parameters other than seed and count. */
  hasParameters?: boolean;
  /** Replace the recorded ones. */
  references?: readonly RequestedReference[] | undefined;
  /** Of a photo's recipe; override the recorded ones. */
  inputs?: Readonly<Record<string, Json>> | undefined;
  schedule: RequestedSchedule;
};

/** @throws AppError validation_error for faults that do not depend on the photo */
export function checkVariation(wanted: {
  sameSeed: boolean;
  seed: number | undefined;
  count: number | undefined;
  maxCount: number;
}): void {
  const { sameSeed, seed, count, maxCount } = wanted;
  const faults: FieldFault[] = [];
  if (sameSeed && seed !== undefined) {
    faults.push({ path: "same_seed", message: "not together with seed" });
  }
  if (count !== undefined && (count < 1 || count > maxCount)) {
    faults.push({ path: "count", message: `a whole number from 1 to ${maxCount}` });
  }
  if (faults.length > 0)
    throw invalid("The variation cannot be requested; see details.errors.", faults);
}

/**
 * Writes a refinement session of a photo, with a first step from its recorded parameters. The step is image to image if
 * the photo was, or if it is an upload without recorded parameters; else text to image.
 * @throws AppError not_found, conflict, validation_error, invokeai_model_error
 */
export async function requestVariation(deps: Deps, requested: VariationRequest): Promise<void> {
  const { sessionId, photoId } = requested;
  const stepId = await deps.database.db.transaction(async (tx) => {
    // The same request committed before a crash, and was repeated with its idempotency key. Reconcile starts its step.
    if (await lockSession(tx, sessionId)) return null;
    const photo = await findPhotoById(tx, photoId);
    if (!photo) throw notFound("photo");
    if (photo.deletedAt !== null) throw conflict("The image is in the trash; restore it first.");
    const recipe = photo.generation?.recipe;
    if (requested.inputs !== undefined && !recipe) {
      throw invalid("This photo was not made with a recipe.", [
        { path: "inputs", message: "only for a photo of a recipe" },
      ]);
    }
    const id = deps.newId();
    const writeItsStep = recipe
      ? await planRecipeStep(tx, { photo, recipe, requested, id })
      : await planImages(tx, { photo, requested, id });
    const sessionEvent = await writeSession(tx, {
      id: sessionId,
      entryType: "refinement",
      sourceImageId: photoId,
      title: null,
    });
    const stepEvent = await writeItsStep(deps);
    await insertEvents(tx, [sessionEvent, stepEvent]);
    return id;
  });
  if (stepId !== null) await notifySession(deps, { sessionId, stepId });
}

type WriteStep = (deps: Deps) => ReturnType<typeof writeStep>;

async function planImages(
  tx: Tx,
  { photo, requested, id }: { photo: Photo; requested: VariationRequest; id: string },
): Promise<WriteStep> {
  const sourceImageId = await findSource(tx, photo);
  const wanted = await planStep(tx, photo, requested);
  const mask = await recallMask(tx, photo, wanted.parameters.expand);
  const references = requested.references ?? (await recallReferences(tx, photo));
  return (deps) =>
    writeStep(deps, tx, {
      id,
      sessionId: requested.sessionId,
      parentId: null,
      sourceImageId,
      mask,
      references,
      isTextToImage: sourceImageId === null,
      schedule: requested.schedule,
      ...wanted,
    });
}

/** The recipe again, with the recorded inputs; those of the request replace them. */
async function planRecipeStep(
  tx: Tx,
  made: {
    photo: Photo;
    recipe: NonNullable<NonNullable<Photo["generation"]>["recipe"]>;
    requested: VariationRequest;
    id: string;
  },
): Promise<WriteStep> {
  const { photo, recipe, requested, id } = made;
  const { prompt, negativePrompt, parameters, sameSeed, inputs = {} } = requested;
  if (requested.hasParameters) {
    throw invalid("This photo was made with a recipe; use inputs.", [
      { path: "parameters", message: "not for a photo of a recipe" },
    ]);
  }
  const [used] = await findUsedRecipes(tx, [recipe.id]);
  if (!used) throw conflict("The recipe of this photo is not in this gallery.");
  const replaced = new Set([
    ...(prompt === undefined ? [] : ["prompt"]),
    ...(negativePrompt === undefined ? [] : ["negative"]),
  ]);
  const roleOf = new Map(used.template.inputs.map((input) => [input.id, input.role]));
  const isModel = new Set(
    used.template.inputs.flatMap(({ id: input, kind }) => (kind === "model" ? input : [])),
  );
  const models = await resolveModels(tx, await recordedModels(tx, photo));
  const recorded = Object.entries(recipe.inputs)
    .filter(([input]) => roleOf.has(input) && !replaced.has(roleOf.get(input) ?? ""))
    .map(([input, value]): [string, Json] => [
      input,
      (typeof value === "string" && isModel.has(input) && models.get(value)?.key) || value,
    ]);
  return (deps) =>
    writeRecipeStep(deps, tx, {
      id,
      sessionId: requested.sessionId,
      recipeId: recipe.id,
      prompt,
      negativePrompt: negativePrompt === undefined ? undefined : (negativePrompt ?? ""),
      inputs: { ...Object.fromEntries(recorded), ...inputs },
      seed: parameters.seed ?? (sameSeed ? seedOf(photo) : undefined),
      batchSize: parameters.batchSize,
      parentId: null,
      sourceImageId: null,
      schedule: requested.schedule,
      isAgain: true,
    });
}

/** The models of a photo of a recipe, with the hashes of their weights: another InvokeAI has them under other keys. */
async function recordedModels(tx: Tx, { generation, sessionId, stepId }: Photo) {
  const { modelKey, modelHash } = generation ?? {};
  const step =
    sessionId === null || stepId === null
      ? undefined
      : await findStepOfSession(tx, { sessionId, stepId });
  return [
    ...(modelKey === undefined ? [] : [{ key: modelKey, hash: modelHash }]),
    ...(step?.parameters.recipe?.models ?? []),
  ];
}

/** The photo's own source, or an upload without recorded parameters itself; null: text to image. */
async function findSource(tx: Tx, photo: Photo): Promise<string | null> {
  if (photo.kind === "uploaded") return photo.generation === null ? photo.id : null;
  if (photo.sourceImageId === null && photo.generation?.strength === undefined) return null;
  const source =
    photo.sourceImageId === null ? undefined : await findPhotoById(tx, photo.sourceImageId);
  if (!source) {
    throw conflict(
      "The source image of this photo was deleted for good; open a refinement session with this photo as its source instead.",
    );
  }
  await checkPicture(tx, { photoId: source.id, path: "source_image_id" });
  return source.id;
}

/** The mask that the photo was painted with; null: none. */
async function recallMask(tx: Tx, photo: Photo, expand: Edges | undefined): Promise<Mask | null> {
  if (photo.kind === "uploaded") return null;
  const mask = photo.maskHash === null ? undefined : await findMask(tx, photo.maskHash);
  const isPainted = photo.generation?.region !== undefined;
  if (mask || !isPainted || photo.generation?.expand || expand) return mask ?? null;
  throw conflict("The mask of this photo is gone; request a step with a new one instead.");
}

/** The references that the photo was made with. An adapter that InvokeAI no longer has is chosen anew. */
async function recallReferences(tx: Tx, photo: Photo): Promise<RequestedReference[]> {
  if (photo.kind === "uploaded" || !photo.references) return [];
  const keys = photo.references.flatMap(({ modelKey: key }) =>
    key === undefined ? [] : [{ key }],
  );
  const adapters = await resolveModels(tx, keys);
  const isHere = (key: string | undefined) =>
    key !== undefined && adapters.get(key)?.isAvailable === true;
  for (const { imageId } of photo.references) {
    if (await findPhotoById(tx, imageId)) continue;
    throw conflict(
      "A reference of this photo was deleted for good; send `references` to replace them, or an empty list for none.",
    );
  }
  return photo.references.map(({ encoderKey: _reader, modelKey, ...reference }) => ({
    ...reference,
    ...(isHere(modelKey) && { modelKey }),
  }));
}

/** The step to write: the photo's recorded parameters, overridden by those of the request. */
async function planStep(tx: Tx, photo: Photo, requested: VariationRequest) {
  const { generation: made } = photo;
  const available = await listAvailableModels(tx, ["main", "vae", "lora"]);
  const { vaeKey, ...parameters } = requested.parameters;
  const { model, recordedWith } = await chooseModel(tx, photo, requested, available);
  const modelKey = parameters.modelKey ?? model?.key ?? "";
  const recalled: Recalled =
    made && model
      ? recall(made, model, recordedWith, available)
      : { prompt: null, negativePrompt: null, parameters: model ? matchingSize(photo, model) : {} };
  if (vaeKey === null) delete recalled.parameters.vaeKey;
  const prompt = requested.prompt ?? recalled.prompt;
  if (prompt === null) {
    throw invalid("This photo has no recorded prompt; send one.", [
      { path: "prompt", message: "required: the photo has none" },
    ]);
  }
  const takesNegative = model?.accepts?.negativePrompt === true;
  const recalledNegative = takesNegative ? recalled.negativePrompt : null;
  return {
    prompt,
    negativePrompt:
      requested.negativePrompt === undefined ? recalledNegative : requested.negativePrompt,
    parameters: {
      ...parameters,
      modelKey,
      vaeKey: vaeKey ?? undefined,
      seed: parameters.seed ?? (requested.sameSeed ? seedOf(photo) : undefined),
    },
    recalled: {
      ...recalled.parameters,
      ...(made?.strength !== undefined &&
        photo.kind === "generated" && { strength: made.strength }),
      ...(made && photo.kind === "generated" && { ...paintingOf(made), hires: made.hires }),
    },
  };
}

/** The model for requests that name none; undefined when none can be used. */
async function findDefaultModel(tx: Tx): Promise<Model | undefined> {
  const models = (await listDefaultModels(tx)).filter(({ accepts }) => !accepts?.partsOnly);
  const usabilityOf = await readUsability(tx, models);
  const usable = models.filter((model) => usabilityOf(model).usable);
  // Models for inpainting draw whole pictures less well.
  return usable.find(({ variant }) => variant !== "inpaint") ?? usable[0];
}

/** The model to use, and the photo's recorded model if InvokeAI still has it. */
async function chooseModel(
  tx: Tx,
  { generation }: Photo,
  { parameters: { modelKey } }: VariationRequest,
  available: Model[],
): Promise<{ model: Model | undefined; recordedWith: Model | undefined }> {
  const recorded = generation ? recallModel(generation, available) : "unnamed";
  const recordedWith = typeof recorded === "string" ? undefined : recorded;
  if (modelKey !== undefined) {
    // An unknown key is refused with the other faults of the request.
    return { model: available.find(({ key }) => key === modelKey), recordedWith };
  }
  if (recordedWith) return { model: recordedWith, recordedWith };
  const usual = recorded === "unnamed" ? await findDefaultModel(tx) : undefined;
  if (usual) return { model: usual, recordedWith };
  throw new AppError({
    kind: "invalid",
    code: "invokeai_model_error",
    message: `${modelFaults[recorded as NoModel]} Name one as parameters.model_key; see GET /api/v1/models.`,
    details: { path: "parameters.model_key", model_name: generation?.modelName ?? null },
  });
}

const modelFaults: Record<NoModel, string> = {
  unnamed: "No supported model is available.",
  unknown: "InvokeAI does not have the model that this photo was made with.",
  ambiguous: "InvokeAI has several models with the name of the one that this photo was made with.",
};

function seedOf({ generation }: Photo): number {
  const seed = recallSeed(generation);
  if (seed !== undefined) return seed;
  throw invalid("This photo has no seed that InvokeAI accepts; leave same_seed out.", [
    { path: "same_seed", message: `only for a photo with a seed from 0 to ${seedCount - 1}` },
  ]);
}
