import type { Tx } from "#db/client";
import { insertEvents } from "#db/queries/events/events";
import { lockSession } from "#db/queries/generation/session-requests";
import { insertStep } from "#db/queries/generation/step-requests";
import { listAvailableModels } from "#db/queries/models/available-models";
import { touchModel } from "#db/queries/models/models";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import type { Model } from "#db/schema/models";
import { AppError, type FieldFault, invalid, notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { writeSession } from "./sessions";
import { checkPicture } from "./source";
import { notifySession } from "./steps";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId">;

/** The longest side of a result, in pixels. */
export const maxUpscaledSide = 8_192;

export type UpscaleRequest = {
  /** The id of the session to open. */
  sessionId: string;
  photoId: string;
  scale: number | undefined;
  /** Pixels of the result's longer side. */
  to: number | undefined;
  modelKey: string | undefined;
};

/**
 * Writes a session of a photo with one step that enlarges it.
 * @throws AppError not_found, conflict, validation_error, invokeai_model_error
 */
export async function requestUpscale(deps: Deps, requested: UpscaleRequest): Promise<void> {
  const { sessionId, photoId } = requested;
  const stepId = await deps.database.db.transaction(async (tx) => {
    // The same request committed before a crash, and was repeated with its idempotency key. Reconcile starts its step.
    if (await lockSession(tx, sessionId)) return null;
    const photo = await findPhotoById(tx, photoId);
    if (!photo) throw notFound("photo");
    await checkPicture(tx, { photoId, path: "id" });
    const { width, height } = photo;
    if (width === null || height === null) throw notFound("photo");
    const model = await chooseUpscaler(tx, requested.modelKey);
    const scale = scaleOf(requested, { width, height }, factorOf(model));
    const session = { id: sessionId, entryType: "refinement" as const, sourceImageId: photoId };
    const sessionEvent = await writeSession(tx, { ...session, title: null });
    const id = deps.newId();
    const step = await insertStep(tx, {
      step: {
        id,
        sessionId,
        parentId: null,
        sourceImageId: photoId,
        maskHash: null,
        references: null,
        recipeId: null,
        prompt: photo.generation?.prompt ?? "",
        negativePrompt: null,
        expand: false,
        priority: "normal",
        notBefore: null,
        window: null,
        parameters: {
          modelKey: model.key,
          modelHash: model.hash,
          width,
          height,
          upscale: { scale },
          ...unused,
        },
        modelKey: model.key,
        modelHash: model.hash,
        modelName: model.name,
        correlationId: deps.newId(),
        batchSize: 1,
      },
      slots: [{ seed: unused.seed }],
    });
    await touchModel(tx, { key: model.key, now: deps.now() });
    const data = { step_id: id, position: step.position };
    await insertEvents(tx, [sessionEvent, { type: "step.requested", sessionId, data }]);
    return id;
  });
  if (stepId !== null) await notifySession(deps, { sessionId, stepId });
}

/** Nothing is sampled: these have no influence. */
const unused = { steps: 1, cfgScale: 1, scheduler: "euler", batchSize: 1, seed: 0 };

async function chooseUpscaler(tx: Tx, key: string | undefined): Promise<Model> {
  const upscalers = await listAvailableModels(tx, ["spandrel_image_to_image"]);
  const found = key === undefined ? upscalers[0] : upscalers.find((model) => model.key === key);
  if (found) return found;
  const message =
    key === undefined
      ? "Install an upscaling model (spandrel image to image) in InvokeAI; it has none."
      : "Name an available upscaling model; GET /api/v1/models?type=spandrel_image_to_image lists them.";
  throw new AppError({
    kind: "invalid",
    code: "invokeai_model_error",
    message,
    details: { path: "model_key" },
  });
}

/** The factor of a model, from its name, as its record has none: `4x-UltraSharp`, `RealESRGAN_x2plus`. Usual is 4. */
export function factorOf({ name }: Pick<Model, "name">): number {
  const [, before, after] = /(?:^|[^a-z0-9])(?:([1-8])x|x([1-8]))(?![0-9])/i.exec(name) ?? [];
  const factor = Number(before ?? after ?? 4);
  return factor > 1 ? factor : 4;
}

function scaleOf(
  { scale, to }: UpscaleRequest,
  size: { width: number; height: number },
  factor: number,
): number {
  const longest = Math.max(size.width, size.height);
  const fault = (path: string, message: string) =>
    invalid("The picture cannot be enlarged like this; see details.errors.", [
      { path, message } satisfies FieldFault,
    ]);
  if ((scale === undefined) === (to === undefined)) {
    throw fault("scale", "either scale or to");
  }
  const path = scale === undefined ? "to" : "scale";
  // A hair more than exact: InvokeAI cuts the result's sides off to whole pixels.
  const wanted = scale ?? (to! + 0.001) / longest;
  if (Math.floor(longest * wanted) <= longest || wanted > factor + 0.0001) {
    const most = Math.floor(longest * factor);
    throw fault(
      path,
      path === "scale"
        ? `above 1, up to ${factor}, the factor of the model`
        : `above ${longest}, up to ${most}: ${factor} times the picture, the factor of the model`,
    );
  }
  if (Math.floor(longest * wanted) > maxUpscaledSide) {
    throw fault(path, `a result of at most ${maxUpscaledSide} pixels a side`);
  }
  return Math.min(wanted, factor);
}
