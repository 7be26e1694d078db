import { and, asc, eq, isNull, max, sql } from "drizzle-orm";
import type { Db } from "../client";
import {
  type Attempt,
  type AttemptOutcome,
  attempts,
  type Slot,
  slots,
  type StepError,
  steps,
} from "../schema/steps";

/** The slots of a step in their order. */
export async function listSlots(db: Db, stepId: string): Promise<Slot[]> {
  return db.select().from(slots).where(eq(slots.stepId, stepId)).orderBy(asc(slots.index));
}

/** The attempt that is not settled yet, if there is one. */
export async function findOpenAttempt(db: Db, stepId: string): Promise<Attempt | undefined> {
  const [attempt] = await db
    .select()
    .from(attempts)
    .where(and(eq(attempts.stepId, stepId), isNull(attempts.settledAt)));
  return attempt;
}

/** The attempt of a batch. */
export async function findAttempt(db: Db, batchId: string): Promise<Attempt | undefined> {
  const [attempt] = await db.select().from(attempts).where(eq(attempts.batchId, batchId));
  return attempt;
}

/**
 * The attempt to go on with: the one that is not settled, else a new one for the open slots.
 * undefined: every slot is filled or failed. The step's row is locked, so that two callers get one attempt.
 */
export async function openAttempt(
  db: Db,
  params: { stepId: string; backend: string },
): Promise<Attempt | undefined> {
  return db.transaction(async (tx) => {
    await tx.select({ id: steps.id }).from(steps).where(eq(steps.id, params.stepId)).for("update");
    const [unsettled] = await tx
      .select()
      .from(attempts)
      .where(and(eq(attempts.stepId, params.stepId), isNull(attempts.settledAt)));
    if (unsettled) return unsettled;
    const open = await tx
      .select({ index: slots.index })
      .from(slots)
      .where(and(eq(slots.stepId, params.stepId), eq(slots.status, "open")))
      .orderBy(asc(slots.index));
    if (open.length === 0) return undefined;
    const [last] = await tx
      .select({ number: max(attempts.number) })
      .from(attempts)
      .where(eq(attempts.stepId, params.stepId));
    const number = (last?.number ?? 0) + 1;
    const [created] = await tx
      .insert(attempts)
      .values({
        stepId: params.stepId,
        number,
        batchId: `${params.stepId}-${number}`,
        backend: params.backend,
        slotIndexes: open.map((slot) => slot.index),
      })
      .returning();
    return created;
  });
}

/** Closes an attempt as cancelled as long as nobody has taken the right to send it; false when somebody has. */
export async function settleUnsent(
  db: Db,
  params: { batchId: string; now: Date },
): Promise<boolean> {
  const won = await db
    .update(attempts)
    .set({ settledAt: params.now, outcome: "cancelled" })
    .where(
      and(
        eq(attempts.batchId, params.batchId),
        isNull(attempts.postedAt),
        isNull(attempts.settledAt),
      ),
    )
    .returning({ batchId: attempts.batchId });
  return won.length === 1;
}

/** An item that failed. A slot stays open as long as its item has failed less than `maxTries` times. */
export type SlotFailure = { index: number; error: StepError; maxTries: number };

/** Closes an attempt and counts the failures of its slots; a second call changes nothing. */
export async function settleAttempt(
  db: Db,
  params: { batchId: string; outcome: AttemptOutcome; now: Date; failures?: SlotFailure[] },
): Promise<void> {
  await db.transaction(async (tx) => {
    const [settled] = await tx
      .update(attempts)
      .set({ settledAt: params.now, outcome: params.outcome })
      .where(and(eq(attempts.batchId, params.batchId), isNull(attempts.settledAt)))
      .returning({ stepId: attempts.stepId });
    if (!settled) return;
    for (const { index, error, maxTries } of params.failures ?? []) {
      await tx
        .update(slots)
        .set({
          failures: sql`${slots.failures} + 1`,
          status: sql`case when ${slots.failures} + 1 >= ${maxTries}::int then 'failed' else 'open' end`,
          error,
        })
        .where(
          and(eq(slots.stepId, settled.stepId), eq(slots.index, index), eq(slots.status, "open")),
        );
    }
  });
}
