import { and, eq, inArray, notExists } from "drizzle-orm";
import type { Db } from "../../client";
import { sessions } from "../../schema/sessions";
import { steps } from "../../schema/steps";
import { insertEvents } from "../events/events";
import { lockSession } from "./session-requests";

/** Completes an active session without live steps; false when it has one, or is closed already. */
export async function closeQuietSession(
  db: Db,
  params: { sessionId: string; now: Date },
): Promise<boolean> {
  return db.transaction(async (tx) => {
    // A request for a step locks the session: with the lock, its step is visible.
    await lockSession(tx, params.sessionId);
    const liveSteps = tx
      .select({ id: steps.id })
      .from(steps)
      .where(
        and(eq(steps.sessionId, sessions.id), inArray(steps.status, ["pending", "processing"])),
      );
    const closed = await tx
      .update(sessions)
      .set({ status: "completed", completedAt: params.now })
      .where(
        and(eq(sessions.id, params.sessionId), eq(sessions.status, "active"), notExists(liveSteps)),
      )
      .returning({ id: sessions.id });
    if (closed.length === 0) return false;
    await insertEvents(tx, [
      {
        type: "session.completed",
        sessionId: params.sessionId,
        data: { session_id: params.sessionId },
      },
    ]);
    return true;
  });
}
