import { and, eq, inArray, isNull } from "drizzle-orm";
import type { Tx } from "../../client";
import { type EntryType, type Session, sessions, type SessionStatus } from "../../schema/sessions";
import { steps } from "../../schema/steps";
import { announceProgress } from "../steps/progress";

const live = inArray(steps.status, ["pending", "processing"]);

/** Writes a new session. */
export async function insertSession(
  tx: Tx,
  session: {
    id: string;
    entryType: EntryType;
    sourceImageId: string | null;
    title: string | null;
  } & Partial<Pick<Session, "priority" | "notBefore" | "window">>,
): Promise<Session> {
  const { id, entryType, sourceImageId, title, priority, notBefore, window } = session;
  const [row] = await tx
    .insert(sessions)
    .values({ id, entryType, sourceImageId, title, priority, notBefore, window })
    .returning();
  return row!;
}

/** A session, locked until the transaction ends, so that new positions, closing and selecting are serial. */
export async function lockSession(tx: Tx, sessionId: string): Promise<Session | undefined> {
  const [session] = await tx
    .select()
    .from(sessions)
    .where(and(eq(sessions.id, sessionId), isNull(sessions.deletedAt)))
    .for("update");
  return session;
}

/** How many steps of a session are pending or processing. */
export async function countLiveSteps(tx: Tx, sessionId: string): Promise<number> {
  return tx.$count(steps, and(eq(steps.sessionId, sessionId), live));
}

/** Closes an active session but not its steps; false when it is closed already. */
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

/** Sets a session's title; null: none. */
export async function setSessionTitle(
  tx: Tx,
  params: { sessionId: string; title: string | null },
): Promise<void> {
  await tx.update(sessions).set({ title: params.title }).where(eq(sessions.id, params.sessionId));
}

/** Requests the cancel of a session's live steps, or of the named one; returns those not requested before. */
export async function markCancelled(
  tx: Tx,
  params: { sessionId: string; stepId?: string; now: Date },
): Promise<string[]> {
  const marked = await tx
    .update(steps)
    .set({ cancelRequestedAt: params.now, progressMessage: null })
    .where(
      and(
        eq(steps.sessionId, params.sessionId),
        params.stepId === undefined ? undefined : eq(steps.id, params.stepId),
        live,
        isNull(steps.cancelRequestedAt),
      ),
    )
    .returning({ id: steps.id, announced: announceProgress });
  return marked.map((step) => step.id);
}
