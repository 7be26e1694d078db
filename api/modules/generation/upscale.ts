import type { Tx } from "#db/client";
import { insertEvents } from "#db/queries/events/events";
import { lockSession } from "#db/queries/generation/session-requests";
import { insertStep } from "#db/queries/generation/step-requests";
import { listAvailableModels } from "#db/queries/models/available-models";
import { touchModel } from "#db/queries/models/models";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import type { NewEvent } from "#db/schema/events";
import type { Model } from "#db/schema/models";
import type { GenerationMetadata } from "#db/schema/photos";
import type { Session } from "#db/schema/sessions";
import { AppError, invalid, notFound } from "#errors";
import type { Enlargement } from "#generation-parameters";
import type { ApiDeps } from "../../deps";
import { distinctIds } from "../../fields/ids";
import { enlarge, type Enlargeable, factorOf, maxUpscaledSide, type WishedSize } from "./enlarge";
import { completeRepaint, type RepaintWish } from "./repaint";
import { writeSession } from "./sessions";
import { checkPicture } from "./source";
import { notifySession } from "./steps";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId">;

/** How photos are enlarged; only one alone can be painted again. */
export type UpscaleWish = RepaintWish & WishedSize & { modelKey?: string | undefined };

export type UpscaleRequest = UpscaleWish & {
  /** The id of the session to open. */
  sessionId: string;
  /** One, or several for a step with a slot for each. */
  photos: { photoId: string } | { photoIds: readonly string[] };
};

/**
 * Writes a session with one step that enlarges photos. A session of one photo is its refinement.
 * @throws AppError not_found, conflict, validation_error, invokeai_model_error
 */
export async function requestUpscale(deps: Deps, requested: UpscaleRequest): Promise<void> {
  const { sessionId, photos } = requested;
  const isOne = "photoId" in photos;
  const photoIds = isOne ? [photos.photoId] : distinctIds(photos.photoIds);
  const { maxBatchSize } = deps.config.limits;
  if (photoIds.length > maxBatchSize) {
    throw invalid("Enlarge fewer photos at once.", [
      { path: "ids", message: `at most ${maxBatchSize} different ids` },
    ]);
  }
  const stepId = await deps.database.db.transaction(async (tx) => {
    // The same request committed before a crash, and was repeated with its idempotency key. Reconcile starts its step.
    if (await lockSession(tx, sessionId)) return null;
    const pictures = await readPictures(tx, photoIds, (at) => (isOne ? "id" : `ids.${at}`));
    const model = await chooseUpscaler(tx, requested.modelKey);
    const enlarged = enlarge(pictures, requested, model);
    const sessionEvent = await writeSession(tx, {
      id: sessionId,
      entryType: isOne ? "refinement" : "scratch",
      sourceImageId: isOne ? photos.photoId : null,
      title: null,
    });
    const session = { id: sessionId, priority: "normal", notBefore: null, window: null } as const;
    const wish = requested;
    const step = { id: deps.newId(), session, parentId: null, model, enlarged, isOne, wish };
    await insertEvents(tx, [sessionEvent, await writeUpscaleStep(deps, tx, step)]);
    return step.id;
  });
  if (stepId !== null) await notifySession(deps, { sessionId, stepId });
}

/**
 * Writes a step of a session that enlarges an image of another step, by default as far as possible. It does not notify its
 * workflow; the caller inserts the returned event last in the transaction.
 * @throws AppError as `requestUpscale`
 */
export async function writeFinishingStep(
  deps: Pick<Deps, "now" | "newId">,
  tx: Tx,
  wanted: {
    id: string;
    session: SessionOfStep;
    parentId: string;
    imageId: string;
    wish: UpscaleWish;
  },
): Promise<NewEvent<"step.requested">> {
  const { imageId, wish, ...place } = wanted;
  const pictures = await readPictures(tx, [imageId], () => "image_id");
  const model = await chooseUpscaler(tx, wish.modelKey);
  const isOpen = wish.scale === undefined && wish.to === undefined;
  const longest = Math.max(...pictures.flatMap(({ width, height }) => [width, height]));
  const largest = Math.min(longest * factorOf(model), maxUpscaledSide);
  const enlarged = enlarge(pictures, isOpen ? { to: largest } : wish, model);
  return writeUpscaleStep(deps, tx, { ...place, model, enlarged, isOne: true, wish });
}

type SessionOfStep = Pick<Session, "id" | "priority" | "notBefore" | "window">;
type Picture = Enlargeable & { generation: GenerationMetadata | null };
type Enlarged = Picture & Enlargement;

async function readPictures(
  tx: Tx,
  photoIds: readonly string[],
  pathOf: (at: number) => string,
): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for (const [at, id] of photoIds.entries()) {
    const path = pathOf(at);
    await checkPicture(tx, { photoId: id, path });
    const photo = await findPhotoById(tx, id);
    if (!photo || photo.width === null || photo.height === null) throw notFound("photo", path);
    const { width, height, generation } = photo;
    pictures.push({ id, path, width, height, generation });
  }
  return pictures;
}

/** Unless it is painted again, nothing is sampled: these have no influence. */
const unused = { steps: 1, cfgScale: 1, scheduler: "euler" };

const promptOf = ({ generation }: Picture): string => generation?.prompt ?? "";

async function writeUpscaleStep(
  deps: Pick<Deps, "now" | "newId">,
  tx: Tx,
  wanted: {
    id: string;
    session: SessionOfStep;
    parentId: string | null;
    model: Model;
    enlarged: Enlarged[];
    /** The picture is the source of the step; else each slot has its own. */
    isOne: boolean;
    wish: RepaintWish;
  },
): Promise<NewEvent<"step.requested">> {
  const { id, session, parentId, model, enlarged, isOne, wish } = wanted;
  const { id: sessionId, priority, notBefore, window } = session;
  const [first] = enlarged;
  const repaint = await completeRepaint(tx, wish, first!);
  const ofFirst = {
    width: first!.width,
    height: first!.height,
    upscale: { scale: first!.scale, ...repaint?.upscale },
  };
  const step = await insertStep(tx, {
    step: {
      id,
      sessionId,
      parentId,
      sourceImageId: isOne ? first!.id : null,
      maskHash: null,
      references: null,
      recipeId: null,
      prompt: isOne ? promptOf(first!) : "",
      negativePrompt: null,
      expand: false,
      priority,
      notBefore,
      window,
      parameters: {
        modelKey: model.key,
        modelHash: model.hash,
        // Several pictures have sizes of their own.
        ...(isOne ? ofFirst : { width: 0, height: 0 }),
        ...(repaint?.sampling ?? unused),
        seed: repaint?.seed ?? 0,
        batchSize: enlarged.length,
      },
      modelKey: model.key,
      modelHash: model.hash,
      modelName: model.name,
      correlationId: deps.newId(),
      batchSize: enlarged.length,
    },
    // Different seeds: an image whose item was lost is found by its seed.
    slots: enlarged.map((picture, at) => {
      if (isOne) return { seed: repaint?.seed ?? 0 };
      const { id: sourceImageId, width, height, scale } = picture;
      const enlargement = { width, height, scale };
      return { seed: at, prompt: promptOf(picture), sourceImageId, enlargement };
    }),
  });
  await touchModel(tx, { key: model.key, now: deps.now() });
  return { type: "step.requested", sessionId, data: { step_id: id, position: step.position } };
}

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
