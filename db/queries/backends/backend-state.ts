import { eq } from "drizzle-orm";
import type { Db } from "../../client";
import { type Backend, backends } from "../../schema/backends";
import { insertEvents } from "../events/events";

export type BackendState = Pick<
  Backend,
  | "connected"
  | "apiVersion"
  | "queuePending"
  | "queueInProgress"
  | "queuePaused"
  | "queueOthers"
  | "waitReason"
  | "lastError"
>;

/**
 * Stores a place's last known state, with an event when the place in force became reachable or unreachable. `hasChanged`:
 * whether connection, pause or kind of error differ from the stored state.
 */
export async function saveBackendState(
  db: Db,
  params: { ref: string; state: BackendState; now: Date },
): Promise<{ hasChanged: boolean }> {
  return db.transaction(async (tx) => {
    const [before] = await tx
      .select()
      .from(backends)
      .where(eq(backends.ref, params.ref))
      .for("update");
    const next = { ...params.state, checkedAt: params.now };
    await tx
      .insert(backends)
      .values({ ref: params.ref, ...next })
      .onConflictDoUpdate({
        target: backends.ref,
        set: { ...next, ...(params.state.connected ? {} : { ready: false }) },
      });
    const wasConnected = before?.connected ?? false;
    if (before?.inForce && wasConnected !== params.state.connected) {
      await insertEvents(tx, [
        {
          type: "backend.changed",
          sessionId: null,
          data: { connected: params.state.connected, api_version: params.state.apiVersion },
        },
      ]);
    }
    const hasChanged =
      wasConnected !== params.state.connected ||
      before?.queuePaused !== params.state.queuePaused ||
      kindOf(before.lastError) !== kindOf(params.state.lastError);
    return { hasChanged };
  });
}

/** A message in which only numbers changed, such as a time, reports the same state. */
const kindOf = (message: string | null) => message?.replace(/\d+/g, "") ?? null;
