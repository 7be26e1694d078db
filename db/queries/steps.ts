import { and, asc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import type { Db } from "../client";
import { type Session, sessions } from "../schema/sessions";
import { type Step, type StepError, steps } from "../schema/steps";
import { insertEvents } from "./events";
import { announceProgress } from "./progress";

const live = inArray(steps.status, ["pending", "processing"]);

/** A step, or undefined when it was deleted with its session. */
export async function findStep(db: Db, stepId: string): Promise<Step | undefined> {
  const [step] = await db.select().from(steps).where(eq(steps.id, stepId));
  return step;
}

/** The session's status and the step that is next in its line. */
export async function findNextStep(
  db: Db,
  sessionId: string,
): Promise<{ session: Session | undefined; step: Step | undefined }> {
  const [session] = await db.select().from(sessions).where(eq(sessions.id, sessionId));
  const [step] = await db
    .select()
    .from(steps)
    .where(and(eq(steps.sessionId, sessionId), live))
    .orderBy(asc(steps.position))
    .limit(1);
  return { session, step };
}

/** Closes every step of a session that was cancelled before it began; returns how many. */
export async function closeCancelledWaitingSteps(
  db: Db,
  params: { sessionId: string; now: Date },
): Promise<number> {
  return db.transaction(async (tx) => {
    const closed = await tx
      .update(steps)
      .set({
        status: "cancelled",
        completedAt: params.now,
        progressMessage: null,
        turnPlace: null,
      })
      .where(
        and(
          eq(steps.sessionId, params.sessionId),
          eq(steps.status, "pending"),
          isNotNull(steps.cancelRequestedAt),
        ),
      )
      .returning({ id: steps.id });
    await insertEvents(
      tx,
      closed.map((step) => ({
        type: "step.cancelled" as const,
        sessionId: params.sessionId,
        data: { step_id: step.id },
      })),
    );
    return closed.length;
  });
}

/** Moves a step from `pending` to `processing`; false when it was moved already. */
export async function startStep(db: Db, params: { step: Step; now: Date }): Promise<boolean> {
  return db.transaction(async (tx) => {
    const won = await tx
      .update(steps)
      .set({
        status: "processing",
        startedAt: sql`coalesce(${steps.startedAt}, ${params.now.toISOString()}::timestamptz)`,
        progressMessage: null,
        turnPlace: null,
      })
      .where(and(eq(steps.id, params.step.id), eq(steps.status, "pending")))
      .returning({ id: steps.id });
    if (won.length === 0) return false;
    await insertEvents(tx, [
      { type: "step.started", sessionId: params.step.sessionId, data: { step_id: params.step.id } },
    ]);
    return true;
  });
}

/**
 * Tells the person who looks at a live step what it is waiting for; null: nothing. `place` is its place in the line for
 * a turn, from 1; left out where it waits for something else.
 */
export async function noteStepMessage(
  db: Db,
  params: { stepId: string; message: string | null; place?: number },
): Promise<void> {
  await db
    .update(steps)
    .set({ progressMessage: params.message, turnPlace: params.place ?? null })
    .where(and(eq(steps.id, params.stepId), live))
    .returning({ announced: announceProgress });
}

export type StepEnding =
  | { status: "completed" }
  | { status: "cancelled" }
  | { status: "failed"; error: StepError };

export type LiveStatus = "pending" | "processing";

/** Ends a live step, with `from` only one that stands there; false when it does not. */
export async function endStep(
  db: Db,
  params: { stepId: string; ending: StepEnding; from?: LiveStatus; now: Date },
): Promise<boolean> {
  const { ending } = params;
  const error = ending.status === "failed" ? ending.error : null;
  return db.transaction(async (tx) => {
    const [ended] = await tx
      .update(steps)
      .set({
        status: ending.status,
        error,
        completedAt: params.now,
        progressMessage: null,
        turnPlace: null,
      })
      .where(and(eq(steps.id, params.stepId), params.from ? eq(steps.status, params.from) : live))
      .returning({ id: steps.id, sessionId: steps.sessionId });
    if (!ended) return false;
    await insertEvents(tx, [
      {
        type: `step.${ending.status}`,
        sessionId: ended.sessionId,
        data: { step_id: ended.id, ...(error ? { error } : {}) },
      },
    ]);
    return true;
  });
}
