import { eq } from "drizzle-orm";
import type { Db } from "../client";
import { type Backend, backends } from "../schema/backends";
import { insertEvents } from "./events";

export type BackendState = Pick<
  Backend,
  "connected" | "apiVersion" | "queuePending" | "queueInProgress" | "lastError"
>;

/** Keeps what was last seen of a backend; an event tells when it came or went. */
export async function saveBackendState(
  db: Db,
  params: { ref: string; state: BackendState; now: Date },
): Promise<{ wasConnected: boolean }> {
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
      .onConflictDoUpdate({ target: backends.ref, set: next });
    const wasConnected = before?.connected ?? false;
    if (wasConnected !== params.state.connected) {
      await insertEvents(tx, [
        {
          type: "backend.changed",
          sessionId: null,
          data: { connected: params.state.connected, api_version: params.state.apiVersion },
        },
      ]);
    }
    return { wasConnected };
  });
}
