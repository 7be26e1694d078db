import type { ApiDeps } from "#api/deps";
import type { Tx } from "#db/client";
import { findUsualModel, listAvailableModels } from "#db/queries/available-models";
import { insertEvents } from "#db/queries/events";
import { lockSession } from "#db/queries/generation-requests";
import { findPhotoById } from "#db/queries/photo-lookup";
import type { Model } from "#db/schema/models";
import type { Photo } from "#db/schema/photos";
import { AppError, conflict, type FieldFault, invalid, notFound } from "#errors";
import { type AskedParameters, seedCount } from "./parameters";
import { type NoModel, type Recalled, recall, recallModel, recallSeed } from "./recall";
import { writeSession } from "./sessions";
import { sizeLike } from "./size-like";
import { checkPicture } from "./source";
import { tellOfStep, writeStep } from "./steps";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId">;

export type AskedVariation = {
  /** Of the session that is opened for it. */
  sessionId: string;
  photoId: string;
  /** undefined: as recorded. */
  prompt: string | undefined;
  /** undefined: as recorded; null: none. */
  negativePrompt: string | null | undefined;
  sameSeed: boolean;
  /** Laid over what was recorded. `vaeKey: null`: the one that the model brings along. */
  parameters: Omit<Partial<AskedParameters>, "vaeKey"> & { vaeKey?: string | null | undefined };
};

/** @throws AppError validation_error for what no photo can be asked for */
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
  if (count !== undefined && count > maxCount) {
    faults.push({ path: "count", message: `a whole number from 1 to ${maxCount}` });
  }
  if (faults.length > 0) throw invalid("The variation cannot be made; see details.errors.", faults);
}

/**
 * Writes a refinement session that starts from a photo, with a step of what the photo was made with. Image to image
 * where the photo was made so, and of a photo that no model made; else from the parameters alone.
 * @throws AppError not_found, conflict, validation_error, invokeai_model_error
 */
export async function requestVariation(deps: Deps, asked: AskedVariation): Promise<void> {
  const { sessionId, photoId } = asked;
  const stepId = await deps.database.db.transaction(async (tx) => {
    // A request that died behind its commit and came again with its key; its step is told of by reconcile.
    if (await lockSession(tx, sessionId)) return null;
    const photo = await findPhotoById(tx, photoId);
    if (!photo) throw notFound("photo");
    if (photo.deletedAt !== null) throw conflict("The image is in the trash; restore it first.");
    const sourceImageId = await findSource(tx, photo);
    const wanted = await plan(tx, photo, asked);
    const opened = await writeSession(tx, {
      id: sessionId,
      entryType: "refinement",
      sourceImageId: photoId,
      title: null,
    });
    const id = deps.newId();
    const requested = await writeStep(deps, tx, {
      id,
      sessionId,
      parentId: null,
      sourceImageId,
      isTextToImage: sourceImageId === null,
      ...wanted,
    });
    await insertEvents(tx, [opened, requested]);
    return id;
  });
  if (stepId !== null) await tellOfStep(deps, { sessionId, stepId });
}

/** What the new pictures start from as the photo did; a photo that no model made is the start itself. */
async function findSource(tx: Tx, photo: Photo): Promise<string | null> {
  if (photo.kind === "uploaded") return photo.generation === null ? photo.id : null;
  if (photo.sourceImageId === null && photo.generation?.strength === undefined) return null;
  const source =
    photo.sourceImageId === null ? undefined : await findPhotoById(tx, photo.sourceImageId);
  if (!source) {
    throw conflict(
      "The picture this one was made from was deleted for good; open a refinement session that starts from this one instead.",
    );
  }
  await checkPicture(tx, { photoId: source.id, path: "source_image_id" });
  return source.id;
}

/** The step to ask for: what the photo says, under what the request says. */
async function plan(tx: Tx, photo: Photo, asked: AskedVariation) {
  const { generation: made } = photo;
  const available = await listAvailableModels(tx, ["main", "vae", "lora"]);
  const { vaeKey, ...parameters } = asked.parameters;
  const { model, recordedWith } = await chooseModel(tx, photo, asked, available);
  const modelKey = parameters.modelKey ?? model?.key ?? "";
  const recalled: Recalled =
    made && model
      ? recall(made, model, recordedWith, available)
      : { prompt: null, negativePrompt: null, parameters: model ? sizeLike(photo, model) : {} };
  if (vaeKey === null) delete recalled.parameters.vaeKey;
  const prompt = asked.prompt ?? recalled.prompt;
  if (prompt === null) {
    throw invalid("This photo does not say what is to be seen on it; send a prompt.", [
      { path: "prompt", message: "required: the photo has none of its own" },
    ]);
  }
  const takesNegative = model?.accepts?.negativePrompt === true;
  const recalledNegative = takesNegative ? recalled.negativePrompt : null;
  return {
    prompt,
    negativePrompt: asked.negativePrompt === undefined ? recalledNegative : asked.negativePrompt,
    parameters: {
      ...parameters,
      modelKey,
      vaeKey: vaeKey ?? undefined,
      seed: parameters.seed ?? (asked.sameSeed ? seedOf(photo) : undefined),
    },
    recalled: {
      ...recalled.parameters,
      ...(made?.strength !== undefined &&
        photo.kind === "generated" && { strength: made.strength }),
    },
  };
}

/** The model to draw with, and the one the photo was drawn with where InvokeAI still has it. */
async function chooseModel(
  tx: Tx,
  { generation }: Photo,
  { parameters: { modelKey } }: AskedVariation,
  available: Model[],
): Promise<{ model: Model | undefined; recordedWith: Model | undefined }> {
  const recorded = generation ? recallModel(generation, available) : "unnamed";
  const recordedWith = typeof recorded === "string" ? undefined : recorded;
  if (modelKey !== undefined) {
    // Whether there is one of this key is checked with the rest of the request.
    return { model: available.find(({ key }) => key === modelKey), recordedWith };
  }
  if (recordedWith) return { model: recordedWith, recordedWith };
  const usual = recorded === "unnamed" ? await findUsualModel(tx) : undefined;
  if (usual) return { model: usual, recordedWith };
  throw new AppError({
    kind: "invalid",
    code: "invokeai_model_error",
    message: `${modelFaults[recorded as NoModel]} Name one as parameters.model_key; see GET /api/v1/models.`,
    details: { path: "parameters.model_key", model_name: generation?.modelName ?? null },
  });
}

const modelFaults: Record<NoModel, string> = {
  unnamed: "No model is known that pictures can be made with.",
  unknown: "InvokeAI does not have the model that this picture was made with.",
  ambiguous: "InvokeAI has several models of the name of the one that this picture was made with.",
};

function seedOf({ generation }: Photo): number {
  const seed = recallSeed(generation);
  if (seed !== undefined) return seed;
  throw invalid("This photo has no seed that InvokeAI can draw from; leave same_seed out.", [
    { path: "same_seed", message: `only of a photo with a seed from 0 to ${seedCount - 1}` },
  ]);
}
