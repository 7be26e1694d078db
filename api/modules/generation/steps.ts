import type { ApiDeps } from "#api/deps";
import type { Tx } from "#db/client";
import { insertEvents, type NewEvent } from "#db/queries/events";
import {
  findStepOfSession,
  insertStep,
  lockSession,
  lockStepWithSession,
  markCancelled,
  noteUntold,
  reopenRetrievals,
  reopenSlots,
  reopenStep,
  setSelectedImage,
} from "#db/queries/generation-requests";
import { touchModel } from "#db/queries/models";
import { findChangedSettings } from "#db/queries/settings";
import type { Session } from "#db/schema/sessions";
import type { Step } from "#db/schema/steps";
import { conflict, type FieldFault, invalid, notFound } from "#errors";
import { readNamedModels } from "./named-models";
import { type AskedParameters, completeParameters, seedCount, seedsOf } from "./parameters";
import { type RecalledParameters, takeRecalled, withoutSilent } from "./recalled-parameters";
import { checkPicture, findParent, resolveSource } from "./source";

type Deps = Pick<ApiDeps, "config" | "database" | "temporal" | "now" | "newId">;

export type AskedStep = {
  id: string;
  sessionId: string;
  prompt: string;
  negativePrompt: string | null;
  parentId: string | null;
  sourceImageId: string | null;
  /** Drawn from its parameters alone, whatever its session starts from. */
  isTextToImage?: boolean;
  parameters: AskedParameters;
  /** Taken where the request is silent, as far as its model can take them. */
  recalled?: RecalledParameters;
};

const maxPromptLength = 10_000;

/** Shown while nobody works on a step because nobody could be told of it. */
const untold = "Waiting for the workflow service.";

/**
 * Writes a step with its slots at the end of its session and tells the session's workflow. All that can be wrong is
 * found before anything is written.
 * @throws AppError not_found, conflict, validation_error, invokeai_model_error
 */
export async function requestStep(deps: Deps, asked: AskedStep): Promise<void> {
  const { id: stepId, sessionId } = asked;
  await deps.database.db.transaction(async (tx) => {
    // A request that died behind its commit and came again with its key.
    if (await findStepOfSession(tx, { sessionId, stepId })) return;
    await insertEvents(tx, [await writeStep(deps, tx, asked)]);
  });
  await tellOfStep(deps, { sessionId, stepId });
}

/**
 * Writes a step without telling anybody; answers what is to be told last in the transaction.
 * @throws AppError as `requestStep`
 */
export async function writeStep(
  deps: Pick<Deps, "config" | "now" | "newId">,
  tx: Tx,
  asked: AskedStep,
): Promise<NewEvent> {
  const { id, sessionId, sourceImageId, recalled = {} } = asked;
  const session = await lockActiveSession(tx, sessionId);
  const parent =
    asked.parentId === null ? null : await findParent(tx, { sessionId, parentId: asked.parentId });
  const source = asked.isTextToImage
    ? null
    : await resolveSource(tx, { session, parent, sourceImageId });
  const named = await readNamedModels(tx, { ...recalled, ...withoutSilent(asked.parameters) });
  const context = {
    models: named.models,
    hasSource: source !== null,
    maxBatchSize: deps.config.limits.maxBatchSize,
    settings: await findChangedSettings(tx),
    randomSeed: crypto.getRandomValues(new Uint32Array(1))[0]! % seedCount,
  };
  const { parameters, model, faults } = completeParameters(
    takeRecalled(
      named.underPresentKeys(asked.parameters),
      named.underPresentKeys(recalled),
      context,
    ),
    context,
  );
  faults.unshift(...promptFaults(asked, model.accepts?.negativePrompt === true));
  if (faults.length > 0) throw invalid("The step cannot be made; see details.errors.", faults);

  const step = await insertStep(tx, {
    step: {
      id,
      sessionId,
      parentId: parent?.id ?? null,
      sourceImageId: source,
      prompt: asked.prompt,
      negativePrompt: asked.negativePrompt,
      parameters,
      modelKey: model.key,
      modelHash: model.hash,
      modelName: model.name,
      correlationId: deps.newId(),
      batchSize: parameters.batchSize,
    },
    seeds: seedsOf(parameters),
  });
  await touchModel(tx, { key: model.key, now: deps.now() });
  return { type: "step.requested", sessionId, data: { step_id: id, position: step.position } };
}

/** Asks for the end of a live step; what exists of it is kept. */
export async function cancelStep(deps: Deps, stepId: string): Promise<void> {
  const sessionId = await deps.database.db.transaction(async (tx) => {
    const { step, session } = await lockStep(tx, stepId);
    if (step.status !== "pending" && step.status !== "processing") {
      throw conflict(`The step is ${step.status} already.`);
    }
    await markCancelled(tx, { sessionId: session.id, stepId, now: deps.now() });
    return session.id;
  });
  // Told again at each call: the first telling may have been lost.
  await deps.temporal.stepCancelled(sessionId, stepId);
}

/** Makes an image of the step its choice, or takes the choice back. */
export async function selectImage(
  deps: Deps,
  params: { stepId: string; imageId: string | null; path: string },
): Promise<void> {
  const { stepId, imageId, path } = params;
  await deps.database.db.transaction(async (tx) => {
    const { step, session } = await lockStep(tx, stepId);
    if (session.status !== "active") throw conflict(`The session is ${session.status}.`);
    if (imageId !== null) await checkPicture(tx, { photoId: imageId, path, stepId });
    if (step.selectedImageId === imageId) return;
    await setSelectedImage(tx, { stepId, imageId });
    await insertEvents(tx, [
      {
        type: "step.selected",
        sessionId: session.id,
        data: { step_id: stepId, selected_image_id: imageId },
      },
    ]);
  });
}

/** Runs a step that has ended again, for the images that never came to be or were lost on their way. */
export async function retryStep(deps: Deps, stepId: string): Promise<void> {
  const sessionId = await deps.database.db.transaction(async (tx) => {
    const { step, session } = await lockStep(tx, stepId);
    if (session.status !== "active") throw conflict(`The session is ${session.status}.`);
    if (!(await reopenStep(tx, stepId))) {
      throw conflict(`Only a step that has ended can be run again; this one is ${step.status}.`);
    }
    if ((await reopenSlots(tx, stepId)) === 0) throw conflict("No image of the step is missing.");
    await insertEvents(tx, [
      {
        type: "step.requested",
        sessionId: session.id,
        data: { step_id: stepId, position: step.position },
      },
    ]);
    return session.id;
  });
  await tellOfStep(deps, { sessionId, stepId });
}

/** Fetches the images of a step that were given up, or wait for their next attempt, again now; returns how many. */
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
  await Promise.all(photoIds.map((id) => deps.temporal.retrievalRetried(id, sessionId)));
  return photoIds.length;
}

/** Tells the session's workflow of a step that was written. */
export async function tellOfStep(
  { database, temporal }: Deps,
  params: { sessionId: string; stepId: string },
): Promise<void> {
  const told = await temporal.stepRequested(params.sessionId, params.stepId);
  if (!told) await noteUntold(database.db, { stepId: params.stepId, message: untold });
}

async function lockActiveSession(tx: Tx, sessionId: string): Promise<Session> {
  const session = await lockSession(tx, sessionId);
  if (!session) throw notFound("session");
  if (session.status !== "active") {
    throw conflict(`The session is ${session.status}; open another one.`);
  }
  return session;
}

async function lockStep(tx: Tx, stepId: string): Promise<{ step: Step; session: Session }> {
  const found = await lockStepWithSession(tx, stepId);
  if (!found) throw notFound("step");
  return found;
}

function promptFaults(
  { prompt, negativePrompt }: AskedStep,
  takesNegativePrompt: boolean,
): FieldFault[] {
  const faults: FieldFault[] = [];
  const isTooLong = (text: string) => Array.from(text).length > maxPromptLength;
  if (prompt.trim() === "" || isTooLong(prompt)) {
    faults.push({ path: "prompt", message: `1 to ${maxPromptLength} characters` });
  }
  if (negativePrompt !== null && isTooLong(negativePrompt)) {
    faults.push({ path: "negative_prompt", message: `at most ${maxPromptLength} characters` });
  }
  if (negativePrompt && !takesNegativePrompt) {
    faults.push({ path: "negative_prompt", message: "not known to this model" });
  }
  return faults;
}
