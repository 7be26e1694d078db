import { and, asc, desc, eq, inArray, isNotNull, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { type Session, sessions } from "../../schema/sessions";
import { type liveStatuses, type Step, type StepError, steps } from "../../schema/steps";
import { insertEvents } from "../events/events";
import { rankIn } from "../line/rank";
import { announceProgress } from "./progress";

const live = inArray(steps.status, ["pending", "processing"]);

/** A step; undefined when it was deleted with its session. */
export async function findStep(db: Db, stepId: string): Promise<Step | undefined> {
  const [step] = await db.select().from(steps).where(eq(steps.id, stepId));
  return step;
}

/** Whether any step has started and not ended. */
export async function isStepUnderWay(db: Db): Promise<boolean> {
  const [step] = await db
    .select({ id: steps.id })
    .from(steps)
    // `live` is the condition of the index `steps_live`.
    .where(and(live, eq(steps.status, "processing")))
    .limit(1);
  return step !== undefined;
}

/** What decides whether a live step is the next of its session. `prompt`: its beginning. */
type LiveStep = Pick<Step, "id" | "prompt" | "status" | "notBefore" | "window">;

/** A session and its live steps: those that have started, then by priority and position. */
export async function findLiveSteps(
  db: Db,
  sessionId: string,
): Promise<{ session: Session | undefined; live: LiveStep[] }> {
  const [session] = await db.select().from(sessions).where(eq(sessions.id, sessionId));
  const { id, status, notBefore, window } = steps;
  const prompt = sql<string>`left(${steps.prompt}, 200)`;
  const rows = await db
    .select({ id, prompt, status, notBefore, window })
    .from(steps)
    .where(and(eq(steps.sessionId, sessionId), live))
    .orderBy(desc(eq(status, "processing")), rankIn(steps.priority), asc(steps.position));
  return { session, live: rows };
}

/** Ends the steps of a session that were cancelled before they started; returns how many. */
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

/** Moves a step from `pending` to `processing`; false when it is not pending. */
export async function startStep(db: Db, params: { step: Step; now: Date }): Promise<boolean> {
  return db.transaction(async (tx) => {
    const won = await tx
      .update(steps)
      .set({
        status: "processing",
        startedAt: sql`coalesce(${steps.startedAt}, ${params.now.toISOString()}::timestamptz)`,
        progressMessage: null,
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

/** Sets a live step's message: what it waits for, other than its turn; null: nothing. */
export async function noteStepMessage(
  db: Db,
  params: { stepId: string; message: string | null },
): Promise<void> {
  await db
    .update(steps)
    .set({ progressMessage: params.message })
    .where(and(eq(steps.id, params.stepId), live))
    .returning({ announced: announceProgress });
}

export type StepEnding =
  | { status: "completed" }
  | { status: "cancelled" }
  | { status: "failed"; error: StepError };

export type LiveStatus = (typeof liveStatuses)[number];

/** Ends a live step, with `from` only one in that status; false when it is not. */
export async function endStep(
  db: Db,
  params: { stepId: string; ending: StepEnding; from?: LiveStatus; now: Date },
): Promise<boolean> {
  const { ending } = params;
  return db.transaction(async (tx) => {
    const [ended] = await tx
      .update(steps)
      .set({
        status: ending.status,
        error: ending.status === "failed" ? ending.error : null,
        completedAt: params.now,
        progressMessage: null,
      })
      .where(and(eq(steps.id, params.stepId), params.from ? eq(steps.status, params.from) : live))
      .returning({ id: steps.id, sessionId: steps.sessionId });
    if (!ended) return false;
    const { sessionId, id: step_id } = ended;
    await insertEvents(tx, [
      ending.status === "failed"
        ? { type: "step.failed", sessionId, data: { step_id, error: ending.error } }
        : { type: `step.${ending.status}`, sessionId, data: { step_id } },
    ]);
    return true;
  });
}
