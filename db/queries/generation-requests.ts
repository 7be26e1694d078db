import { and, asc, eq, exists, gt, inArray, isNull, max, ne, notInArray, or } from "drizzle-orm";
import type { Db, Tx } from "../client";
import { photos } from "../schema/photos";
import { type EntryType, type Session, sessions, type SessionStatus } from "../schema/sessions";
import { slots, type Step, type StepParameters, steps } from "../schema/steps";

const live = inArray(steps.status, ["pending", "processing"]);

/** Writes a new session. */
export async function insertSession(
  tx: Tx,
  session: {
    id: string;
    entryType: EntryType;
    sourceImageId: string | null;
    title: string | null;
  },
): Promise<Session> {
  const [row] = await tx.insert(sessions).values(session).returning();
  return row!;
}

/** A session, held until the transaction ends: positions, closing and selecting are decided one at a time. */
export async function lockSession(tx: Tx, sessionId: string): Promise<Session | undefined> {
  const [session] = await tx
    .select()
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), isNull(sessions.deletedAt)))
    .for("update");
  return session;
}

/** A step with its session held; the session is locked first, as everywhere. */
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

/** A step, as long as it belongs to the session. */
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

/** What a picture must be to serve as a source or a choice; undefined when there is none of this id. */
export async function findPictureState(db: Db | Tx, photoId: string) {
  const [photo] = await db
    .select({
      id: photos.id,
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
  | "turnPlace"
  | "error"
  | "selectedImageId"
  | "cancelRequestedAt"
  | "createdAt"
  | "startedAt"
  | "completedAt"
  | "costUsd"
> & { parameters: StepParameters };

/** Writes a step at the end of its session, with one open slot a seed. The session is locked by the caller. */
export async function insertStep(
  tx: Tx,
  params: { step: NewStep; seeds: number[] },
): Promise<Step> {
  const { step, seeds } = params;
  const [last] = await tx
    .select({ position: max(steps.position) })
    .from(steps)
    .where(eq(steps.sessionId, step.sessionId));
  const [row] = await tx
    .insert(steps)
    .values({ ...step, position: (last?.position ?? 0) + 1 })
    .returning();
  await tx.insert(slots).values(seeds.map((seed, index) => ({ stepId: step.id, index, seed })));
  return row!;
}

/** Says what a step that its workflow could not be told of is waiting for; nothing on one that moved on. */
export async function noteUntold(db: Db, params: { stepId: string; message: string }) {
  await db
    .update(steps)
    .set({ progressMessage: params.message })
    .where(and(eq(steps.id, params.stepId), eq(steps.status, "pending")));
}

/** How many steps of a session are pending or processing. */
export async function countLiveSteps(tx: Tx, sessionId: string): Promise<number> {
  return tx.$count(steps, and(eq(steps.sessionId, sessionId), live));
}

/** Closes an active session; its steps are not touched. False when it is closed already. */
export async function closeSession(
  tx: Tx,
  params: {
    sessionId: string;
    status: Exclude<SessionStatus, "active">;
    discardUnselected: boolean;
    now: Date;
  },
): Promise<boolean> {
  const closed = await tx
    .update(sessions)
    .set({
      status: params.status,
      completedAt: params.now,
      discardUnselected: params.discardUnselected,
    })
    .where(and(eq(sessions.id, params.sessionId), eq(sessions.status, "active")))
    .returning({ id: sessions.id });
  return closed.length === 1;
}

/** Changes what a session is called; null: nothing. */
export async function setSessionTitle(
  tx: Tx,
  params: { sessionId: string; title: string | null },
): Promise<void> {
  await tx.update(sessions).set({ title: params.title }).where(eq(sessions.id, params.sessionId));
}

/** Marks the live steps of a session, or the one named, as to be cancelled; returns those not marked before. */
export async function markCancelled(
  tx: Tx,
  params: { sessionId: string; stepId?: string; now: Date },
): Promise<string[]> {
  const marked = await tx
    .update(steps)
    .set({ cancelRequestedAt: params.now })
    .where(
      and(
        eq(steps.sessionId, params.sessionId),
        params.stepId === undefined ? undefined : eq(steps.id, params.stepId),
        live,
        isNull(steps.cancelRequestedAt),
      ),
    )
    .returning({ id: steps.id });
  return marked.map((step) => step.id);
}

/** Makes an image, or none, the choice of its step; the step is locked by the caller. */
export async function setSelectedImage(
  tx: Tx,
  params: { stepId: string; imageId: string | null },
): Promise<void> {
  await tx
    .update(steps)
    .set({ selectedImageId: params.imageId })
    .where(eq(steps.id, params.stepId));
}

/**
 * Opens the slots of a step whose image never came to be or was lost before it was here; returns how many are open now.
 * A photo that was deleted on purpose is not missing, lost or not.
 */
export async function reopenSlots(tx: Tx, stepId: string): Promise<number> {
  const isWanted = exists(
    tx
      .select({ id: photos.id })
      .from(photos)
      .where(and(eq(photos.id, slots.photoId), isNull(photos.deletedAt))),
  );
  const open = await tx
    .update(slots)
    .set({ status: "open", error: null, failures: 0 })
    .where(
      and(
        eq(slots.stepId, stepId),
        ne(slots.status, "filled"),
        or(and(ne(slots.status, "lost"), isNull(slots.photoId)), isWanted),
      ),
    )
    .returning({ index: slots.index });
  return open.length;
}

/** Makes a step that has ended pending again; false while it has not. */
export async function reopenStep(tx: Tx, stepId: string): Promise<boolean> {
  const reopened = await tx
    .update(steps)
    .set({
      status: "pending",
      error: null,
      progressMessage: null,
      turnPlace: null,
      cancelRequestedAt: null,
      startedAt: null,
      completedAt: null,
    })
    .where(and(eq(steps.id, stepId), notInArray(steps.status, ["pending", "processing"])))
    .returning({ id: steps.id });
  return reopened.length === 1;
}

/** Counts from zero again for the images of a step that were given up or wait between two attempts; returns their ids. */
export async function reopenRetrievals(tx: Tx, stepId: string): Promise<string[]> {
  const waiting = and(eq(photos.retrievalStatus, "pending"), gt(photos.retrievalAttempts, 0));
  const unfetched = await tx
    .select({ id: photos.id })
    .from(photos)
    .where(
      and(
        eq(photos.stepId, stepId),
        isNull(photos.deletedAt),
        or(eq(photos.retrievalStatus, "failed"), waiting),
      ),
    )
    .orderBy(asc(photos.slotIndex))
    .for("update");
  const ids = unfetched.map((photo) => photo.id);
  if (ids.length === 0) return ids;
  await tx
    .update(photos)
    .set({ retrievalStatus: "pending", retrievalAttempts: 0, retrievalError: null })
    .where(inArray(photos.id, ids));
  return ids;
}
