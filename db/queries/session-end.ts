import { and, eq, inArray, isNotNull } from "drizzle-orm";
import type { Tx } from "../client";
import { photos } from "../schema/photos";
import { sessions } from "../schema/sessions";
import { discardUnselected } from "./discard";
import { insertEvents } from "./events";

/** Marks a session as deleted and closed: it is in no route from then on. Its images that nobody chose are to be discarded. */
export async function markDeleted(
  tx: Tx,
  params: { sessionId: string; now: Date; isActive: boolean },
): Promise<void> {
  await tx
    .update(sessions)
    .set({
      deletedAt: params.now,
      discardUnselected: true,
      ...(params.isActive && { status: "abandoned", completedAt: params.now }),
    })
    .where(eq(sessions.id, params.sessionId));
}

/**
 * What is left to do for a session whose steps have all ended: images that nobody chose go to the trash where that was
 * asked for, and a deleted session's row goes, with its steps. Doing it again changes nothing. Last in its transaction.
 */
export async function finishSession(
  tx: Tx,
  params: { sessionId: string; now: Date },
): Promise<void> {
  const { sessionId } = params;
  const told = await discardUnselected(tx, params);
  const isDeleted = and(eq(sessions.id, sessionId), isNotNull(sessions.deletedAt));
  const deleted = tx.select({ id: sessions.id }).from(sessions).where(isDeleted);
  // By hand and at once: the cascade does one after the other, and a photo would name a step that is gone.
  await tx
    .update(photos)
    .set({ sessionId: null, stepId: null })
    .where(inArray(photos.sessionId, deleted));
  const gone = await tx.delete(sessions).where(isDeleted).returning({ id: sessions.id });
  await insertEvents(tx, [
    ...told,
    ...gone.map(({ id }) => ({
      type: "session.deleted" as const,
      sessionId,
      data: { session_id: id },
    })),
  ]);
}
