import { and, eq, isNull, max } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { photos } from "../../schema/photos";
import type { Session } from "../../schema/sessions";
import { slots, type Step, type StepParameters, steps } from "../../schema/steps";
import { lockSession } from "./session-requests";

/** Locks a step and its session; the session first, as everywhere. */
export async function lockStepWithSession(
  tx: Tx,
  stepId: string,
): Promise<{ step: Step; session: Session } | undefined> {
  const [found] = await tx
    .select({ sessionId: steps.sessionId })
    .from(steps)
    .where(eq(steps.id, stepId));
  const session = found && (await lockSession(tx, found.sessionId));
  if (!session) return undefined;
  const [step] = await tx.select().from(steps).where(eq(steps.id, stepId)).for("update");
  return step && { step, session };
}

/** A step; undefined unless it belongs to the session. */
export async function findStepOfSession(
  tx: Tx,
  params: { sessionId: string; stepId: string },
): Promise<Step | undefined> {
  const [step] = await tx
    .select()
    .from(steps)
    .where(and(eq(steps.id, params.stepId), eq(steps.sessionId, params.sessionId)));
  return step;
}

/** What decides whether a photo can be a source or a selection; undefined when it does not exist. */
export async function findPictureState(db: Db | Tx, photoId: string) {
  const [photo] = await db
    .select({
      id: photos.id,
      kind: photos.kind,
      mimeType: photos.mimeType,
      width: photos.width,
      height: photos.height,
      stepId: photos.stepId,
      retrievalStatus: photos.retrievalStatus,
      deletedAt: photos.deletedAt,
    })
    .from(photos)
    .where(and(eq(photos.id, photoId), isNull(photos.purgedAt)));
  return photo;
}

export type NewStep = Omit<
  Step,
  | "position"
  | "status"
  | "progressMessage"
  | "error"
  | "selectedImageId"
  | "cancelRequestedAt"
  | "createdAt"
  | "startedAt"
  | "completedAt"
  | "costUsd"
> & { parameters: StepParameters };

/** An image to request. Only `seed` is needed unless the step is expanded or enlarges several pictures. */
export type NewSlot = Pick<
  typeof slots.$inferInsert,
  "prompt" | "negativePrompt" | "sourceImageId" | "enlargement"
> & { seed: number };

/** Appends a step to its session, with its open slots. The caller holds the session's lock. */
export async function insertStep(
  tx: Tx,
  params: { step: NewStep; slots: NewSlot[] },
): Promise<Step> {
  const { step } = params;
  const [last] = await tx
    .select({ position: max(steps.position) })
    .from(steps)
    .where(eq(steps.sessionId, step.sessionId));
  const [row] = await tx
    .insert(steps)
    .values({ ...step, position: (last?.position ?? 0) + 1 })
    .returning();
  await tx
    .insert(slots)
    .values(params.slots.map((slot, index) => ({ stepId: step.id, index, ...slot })));
  return row!;
}

/** Sets the message of a step whose workflow could not be notified; does nothing once the step has started. */
export async function setPendingMessage(db: Db, params: { stepId: string; message: string }) {
  await db
    .update(steps)
    .set({ progressMessage: params.message })
    .where(and(eq(steps.id, params.stepId), eq(steps.status, "pending")));
}

/** Sets or clears the selected image of a step. The caller holds the step's lock. */
export async function setSelectedImage(
  tx: Tx,
  params: { stepId: string; imageId: string | null },
): Promise<void> {
  await tx
    .update(steps)
    .set({ selectedImageId: params.imageId })
    .where(eq(steps.id, params.stepId));
}
