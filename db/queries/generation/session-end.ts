import { and, eq, inArray, isNotNull } from "drizzle-orm";
import type { Tx } from "../../client";
import { photos } from "../../schema/photos";
import { sessions } from "../../schema/sessions";
import { discardUnselected } from "./discard";
import { insertEvents } from "../events/events";

/** Marks a session as deleted and closed, which hides it from every route, and requests a discard of unselected images. */
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
 * Finishes a session whose steps have all ended: discards unselected images if requested, and deletes the row of a deleted
 * session with its steps. Repeatable. Must be the last call of its transaction.
 */
export async function finishSession(
  tx: Tx,
  params: { sessionId: string; now: Date },
): Promise<void> {
  const { sessionId } = params;
  const trashed = await discardUnselected(tx, params);
  const isDeleted = and(eq(sessions.id, sessionId), isNotNull(sessions.deletedAt));
  const deleted = tx.select({ id: sessions.id }).from(sessions).where(isDeleted);
  // Both in one statement: the cascades run one after the other, and a photo would refer to a deleted step in between.
  await tx
    .update(photos)
    .set({ sessionId: null, stepId: null })
    .where(inArray(photos.sessionId, deleted));
  const gone = await tx.delete(sessions).where(isDeleted).returning({ id: sessions.id });
  await insertEvents(tx, [
    ...trashed,
    ...gone.map(({ id }) => ({
      type: "session.deleted" as const,
      sessionId,
      data: { session_id: id },
    })),
  ]);
}
