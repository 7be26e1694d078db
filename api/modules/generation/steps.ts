import type { ApiDeps } from "../../deps";
import type { Tx } from "#db/client";
import { insertEvents } from "#db/queries/events/events";
import { lockSession, markCancelled } from "#db/queries/generation/session-requests";
import { listPaintingBases } from "#db/queries/generation/generation-bases";
import {
  findPictureState,
  findStepOfSession,
  insertStep,
  lockStepWithSession,
  setPendingMessage,
} from "#db/queries/generation/step-requests";
import { reopenRetrievals, reopenSlots, reopenStep } from "#db/queries/generation/step-retries";
import { listOvertaken } from "#db/queries/line/turns";
import { keepMask } from "#db/queries/steps/masks";
import { touchModel } from "#db/queries/models/models";
import { findChangedSettings } from "#db/queries/installation/settings";
import type { NewEvent } from "#db/schema/events";
import type { Mask } from "#db/schema/masks";
import type { Session } from "#db/schema/sessions";
import type { Step } from "#db/schema/steps";
import { conflict, invalid, notFound } from "#errors";
import type { Region } from "#generation-parameters";
import type { RequestedReference } from "../../fields/references";
import { readNamedModels } from "./named-models";
import { type RequestedParameters, completeParameters, drawSeed, seedsOf } from "./parameters";
import { planSlots } from "./prompts";
import { completeReferences } from "./references";
import { type RecalledParameters, addRecalled, omitUndefined } from "./recalled-parameters";
import { type RequestedSchedule, scheduleIn } from "./schedule-model";
import { findParent, resolveSource } from "./source";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId">;

export type StepRequest = {
  id: string;
  sessionId: string;
  prompt: string;
  negativePrompt: string | null;
  /** The prompts are templates. */
  expand?: boolean;
  /** Omitted fields are those of the session. */
  schedule?: RequestedSchedule;
  parentId: string | null;
  sourceImageId: string | null;
  mask: StepMask | null;
  references?: readonly RequestedReference[];
  /** Text to image, even if the session has a source image. */
  isTextToImage?: boolean;
  parameters: RequestedParameters;
  /** Used for omitted parameters, where the model accepts them. */
  recalled?: RecalledParameters;
};

/** A mask that was read; `painted`: the rectangle outside of which it is black, if it is known. */
export type StepMask = Omit<Mask, "usedAt"> & { painted?: Region };
/** The progress message of a step whose workflow could not be notified. */
const waitingMessage = "Waiting for the workflow service.";

/**
 * Writes a step with its slots at the end of its session, then notifies the session's workflow. The whole request is
 * checked before anything is written.
 * @throws AppError not_found, conflict, validation_error, invokeai_model_error
 */
export async function requestStep(deps: Deps, requested: StepRequest): Promise<void> {
  const { id: stepId, sessionId } = requested;
  await deps.database.db.transaction(async (tx) => {
    // The same request committed before a crash, and was repeated with its idempotency key.
    if (await findStepOfSession(tx, { sessionId, stepId })) return;
    await insertEvents(tx, [await writeStep(deps, tx, requested)]);
  });
  await notifySession(deps, { sessionId, stepId });
}

/**
 * Writes a step without notifying its workflow. The caller inserts the returned event last in the transaction.
 * @throws AppError as `requestStep`
 */
export async function writeStep(
  deps: Pick<Deps, "config" | "now" | "newId">,
  tx: Tx,
  requested: StepRequest,
): Promise<NewEvent<"step.requested">> {
  const { id, sessionId, sourceImageId, recalled = {} } = requested;
  const session = await lockActiveSession(tx, sessionId);
  const parent =
    requested.parentId === null
      ? null
      : await findParent(tx, { sessionId, parentId: requested.parentId });
  const source = requested.isTextToImage
    ? null
    : await resolveSource(tx, { session, parent, sourceImageId });
  const named = await readNamedModels(tx, { ...recalled, ...omitUndefined(requested.parameters) });
  const context = {
    models: named.models,
    apiVersion: named.apiVersion,
    hasSource: source !== null,
    painting: {
      source: source === null ? null : await findSize(tx, source),
      mask: requested.mask,
      bases: await listPaintingBases(tx),
    },
    maxBatchSize: deps.config.limits.maxBatchSize,
    settings: await findChangedSettings(tx),
    randomSeed: drawSeed(),
  };
  const { parameters, model, faults } = completeParameters(
    addRecalled(
      named.withCurrentKeys(requested.parameters),
      named.withCurrentKeys(recalled),
      context,
    ),
    context,
  );
  const { slots, faults: promptFaults } = await planSlots(tx, {
    texts: { ...requested, expand: requested.expand ?? false },
    seeds: seedsOf(parameters),
    model,
    parameters,
  });
  faults.unshift(...promptFaults);
  const { imageToImage, partsOnly, references: taken = [] } = model.accepts ?? {};
  if (source !== null && imageToImage === false && !partsOnly) {
    const instead = taken.some(({ role }) => role === "edit")
      ? "; give the picture as a reference with the role edit"
      : ", which generates from text alone";
    const message = `not supported by this model of base ${model.base}${instead}`;
    faults.push({ path: "source_image_id", message });
  }
  const wanted = requested.references ?? [];
  const { references, faults: referenceFaults } = await completeReferences(deps, tx, wanted, model);
  faults.push(...referenceFaults);
  if (faults.length > 0) throw invalid("The step cannot be requested; see details.errors.", faults);

  if (requested.mask) {
    const { contentHash, width, height, png } = requested.mask;
    await keepMask(tx, { contentHash, width, height, png, usedAt: deps.now() });
  }
  const step = await insertStep(tx, {
    step: {
      id,
      sessionId,
      parentId: parent?.id ?? null,
      sourceImageId: source,
      recipeId: null,
      maskHash: requested.mask?.contentHash ?? null,
      references,
      prompt: requested.prompt,
      negativePrompt: requested.negativePrompt,
      expand: requested.expand ?? false,
      parameters,
      ...scheduleIn(session, requested.schedule),
      modelKey: model.key,
      modelHash: model.hash,
      modelName: model.name,
      correlationId: deps.newId(),
      batchSize: parameters.batchSize,
    },
    slots,
  });
  await touchModel(tx, { key: model.key, now: deps.now() });
  return { type: "step.requested", sessionId, data: { step_id: id, position: step.position } };
}

/** Requests the cancellation of a live step. Images that exist are kept. */
export async function cancelStep(deps: Deps, stepId: string): Promise<void> {
  const sessionId = await deps.database.db.transaction(async (tx) => {
    const { step, session } = await lockStep(tx, stepId);
    if (step.status !== "pending" && step.status !== "processing") {
      throw conflict(`The step is ${step.status} already.`);
    }
    await markCancelled(tx, { sessionId: session.id, stepId, now: deps.now() });
    return session.id;
  });
  // Sent on every call: an earlier signal may have been lost.
  await deps.temporal.stepCancelled(sessionId, stepId);
}

/** Runs an ended step again, for images that were never generated or were lost before they were fetched. */
export async function retryStep(deps: Deps, stepId: string): Promise<void> {
  const sessionId = await deps.database.db.transaction(async (tx) => {
    const { step, session } = await lockStep(tx, stepId);
    if (session.status !== "active") throw conflict(`The session is ${session.status}.`);
    if (!(await reopenStep(tx, stepId))) {
      throw conflict(`Only a step that has ended can be run again; this one is ${step.status}.`);
    }
    const missing = await reopenSlots(tx, stepId);
    // All images of a failed step may exist, if its run was ended from outside: then this run only completes it.
    if (missing === 0 && step.status !== "failed") {
      throw conflict("No image of the step is missing.");
    }
    await insertEvents(tx, [
      {
        type: "step.requested",
        sessionId: session.id,
        data: { step_id: stepId, position: step.position },
      },
    ]);
    return session.id;
  });
  await notifySession(deps, { sessionId, stepId });
}

/** Retries at once every retrieval of a step that failed or waits for its next attempt; returns how many. */
export async function retryRetrievals(deps: Deps, stepId: string): Promise<number> {
  const { sessionId, photoIds } = await deps.database.db.transaction(async (tx) => {
    const { session } = await lockStep(tx, stepId);
    const reopened = await reopenRetrievals(tx, stepId);
    await insertEvents(
      tx,
      reopened.map((photoId) => ({
        type: "photo.retrieval_retried" as const,
        sessionId: session.id,
        data: { photo_id: photoId, step_id: stepId },
      })),
    );
    return { sessionId: session.id, photoIds: reopened };
  });
  await Promise.all(photoIds.map((id) => deps.temporal.retrievalRetried({ id, sessionId })));
  return photoIds.length;
}

/**
 * Notifies the session's workflow of a requested step, and runs of the session that wait behind it now. If that fails, the step's
 * progress message says so.
 */
export async function notifySession(
  { config, database, temporal, now }: Pick<Deps, "config" | "database" | "temporal" | "now">,
  params: { sessionId: string; stepId: string },
): Promise<void> {
  const isNotified = await temporal.stepRequested(params.sessionId, params.stepId);
  if (!isNotified) {
    await setPendingMessage(database.db, { stepId: params.stepId, message: waitingMessage });
  }
  const { sessionId } = params;
  const { timeZone } = config;
  for (const id of await listOvertaken(database.db, { sessionId, now: now(), timeZone })) {
    await temporal.stepOvertaken(id);
  }
}

/** The size of a picture that has been fetched, upright. */
async function findSize(
  tx: Tx,
  photoId: string,
): Promise<{ width: number; height: number } | null> {
  const photo = await findPictureState(tx, photoId);
  if (!photo || photo.width === null || photo.height === null) return null;
  return { width: photo.width, height: photo.height };
}

export async function lockActiveSession(tx: Tx, sessionId: string): Promise<Session> {
  const session = await lockSession(tx, sessionId);
  if (!session) throw notFound("session");
  if (session.status !== "active") {
    throw conflict(`The session is ${session.status}; open another one.`);
  }
  return session;
}

/** @throws AppError not_found */
export async function lockStep(tx: Tx, stepId: string): Promise<{ step: Step; session: Session }> {
  const found = await lockStepWithSession(tx, stepId);
  if (!found) throw notFound("step");
  return found;
}
