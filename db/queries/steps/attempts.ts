import { and, asc, eq, isNotNull, isNull, max, sql } from "drizzle-orm";
import type { Db } from "../../client";
import {
  type Attempt,
  type AttemptOutcome,
  attempts,
  type Slot,
  slots,
  type StepError,
  steps,
} from "../../schema/steps";

/** The slots of a step in order. */
export async function listSlots(db: Db, stepId: string): Promise<Slot[]> {
  return db.select().from(slots).where(eq(slots.stepId, stepId)).orderBy(asc(slots.index));
}

/** The attempt that is not settled yet; undefined without one. */
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
 * The unsettled attempt, or a new one for the open slots; undefined when there is no open slot. Locks the step's row, so
 * that two callers get the same attempt.
 * @param params.inOneBatch which of the open slots one batch can make
 */
export async function openAttempt(
  db: Db,
  params: {
    stepId: string;
    backend: string;
    inOneBatch: (slotIndexes: readonly number[]) => readonly number[];
  },
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
        slotIndexes: [...params.inOneBatch(open.map((slot) => slot.index))],
      })
      .returning();
    return created;
  });
}

/** The number of missing images in batches that the backend may have in its queue. */
export async function countImagesInFlight(db: Db, backend: string): Promise<number> {
  const [row] = await db
    .select({ images: sql<number>`count(*)::int` })
    .from(attempts)
    .innerJoin(
      slots,
      and(
        eq(slots.stepId, attempts.stepId),
        eq(slots.status, "open"),
        sql`${slots.index} = any(${attempts.slotIndexes})`,
      ),
    )
    .where(
      and(eq(attempts.backend, backend), isNotNull(attempts.postedAt), isNull(attempts.settledAt)),
    );
  return row?.images ?? 0;
}

/** Settles an attempt as cancelled unless the right to send it was claimed; false when it was. */
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

/** Fails an open slot that cannot be sent; one that is not open stays as it is. */
export async function failSlot(
  db: Db,
  { stepId, index, error }: { stepId: string; index: number; error: StepError },
): Promise<void> {
  await db
    .update(slots)
    .set({ status: "failed", error })
    .where(and(eq(slots.stepId, stepId), eq(slots.index, index), eq(slots.status, "open")));
}

/** An item that failed. Its slot stays open until it has failed `maxTries` times. */
export type SlotFailure = { index: number; error: StepError; maxTries: number };

/** Settles an attempt and counts the failures of its slots; a second call changes nothing. */
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
