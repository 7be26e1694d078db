import type { ApiDeps } from "../../deps";
import { discardUnselected } from "#db/queries/generation/discard";
import type { Tx } from "#db/client";
import { insertEvents } from "#db/queries/events/events";
import {
  closeSession,
  countLiveSteps,
  insertSession,
  lockSession,
  markCancelled,
  setSessionTitle,
} from "#db/queries/generation/session-requests";
import { finishSession, markDeleted } from "#db/queries/generation/session-end";
import type { NewEvent } from "#db/schema/events";
import type { EntryType, SessionStatus } from "#db/schema/sessions";
import { conflict, invalid, notFound } from "#errors";
import type { RequestedSchedule } from "./schedule-model";
import { checkPicture } from "./source";

type Deps = Pick<ApiDeps, "database" | "temporal" | "now">;

type SessionRequest = {
  id: string;
  entryType: EntryType;
  sourceImageId: string | null;
  title: string | null;
  schedule?: RequestedSchedule;
};

/** Writes a session, then notifies its workflow. */
export async function openSession(
  { database, temporal }: Deps,
  requested: SessionRequest,
): Promise<void> {
  const { id, entryType, sourceImageId } = requested;
  if (entryType === "refinement" && sourceImageId === null) {
    throw invalid("A refinement needs a source image.", [
      { path: "source_image_id", message: "required for a refinement" },
    ]);
  }
  await database.db.transaction(async (tx) => {
    // The same request committed before a crash, and was repeated with its idempotency key.
    if (await lockSession(tx, id)) return;
    if (sourceImageId !== null) {
      await checkPicture(tx, { photoId: sourceImageId, path: "source_image_id" });
    }
    await insertEvents(tx, [await writeSession(tx, requested)]);
  });
  await temporal.sessionOpened(id);
}

/** Writes a session without notifying its workflow. The caller inserts the returned event last in the transaction. */
export async function writeSession(
  tx: Tx,
  session: SessionRequest,
): Promise<NewEvent<"session.created">> {
  const { schedule, ...row } = session;
  await insertSession(tx, { ...row, ...schedule });
  const { id, entryType } = session;
  return {
    type: "session.created",
    sessionId: id,
    data: { session_id: id, entry_type: entryType },
  };
}

export type SessionChange = {
  status: Exclude<SessionStatus, "active"> | undefined;
  /** undefined: as it was; null: none. */
  title: string | null | undefined;
  discardUnselected: boolean;
};

/**
 * Renames or closes a session. Completing requires that its steps have ended; abandoning cancels them. With
 * `discardUnselected`, its unselected images go to the trash when the last step has ended.
 * @throws AppError conflict when the state does not allow it
 */
export async function changeSession(
  { database, temporal, now }: Deps,
  sessionId: string,
  change: SessionChange,
): Promise<void> {
  const at = now();
  const isClosedNow = await database.db.transaction(async (tx) => {
    const session = await lockSession(tx, sessionId);
    if (!session) throw notFound("session");
    if (change.title !== undefined) await setSessionTitle(tx, { sessionId, title: change.title });
    const { status } = change;
    if (status === undefined || status === session.status) return false;
    if (session.status !== "active") throw conflict(`The session is ${session.status} already.`);

    const live = await countLiveSteps(tx, sessionId);
    if (status === "completed" && live > 0) {
      throw conflict("A step of the session is still running; cancel it or wait for its end.");
    }
    await markCancelled(tx, { sessionId, now: at });
    await closeSession(tx, {
      sessionId,
      status,
      discardUnselected: change.discardUnselected,
      now: at,
    });
    const discarded = live === 0 ? await discardUnselected(tx, { sessionId, now: at }) : [];
    await insertEvents(tx, [
      { type: `session.${status}`, sessionId, data: { session_id: sessionId } },
      ...discarded,
    ]);
    return true;
  });
  if (isClosedNow) await temporal.sessionFinished(sessionId);
}

/**
 * Deletes a session and trashes its images that are neither selected nor in use. It disappears from every route at once;
 * its row stays until its running steps are cancelled.
 */
export async function deleteSession(
  { database, temporal, now }: Deps,
  sessionId: string,
): Promise<void> {
  const at = now();
  await database.db.transaction(async (tx) => {
    const session = await lockSession(tx, sessionId);
    if (!session) throw notFound("session");
    const live = await countLiveSteps(tx, sessionId);
    await markCancelled(tx, { sessionId, now: at });
    await markDeleted(tx, { sessionId, now: at, isActive: session.status === "active" });
    if (live === 0) await finishSession(tx, { sessionId, now: at });
  });
  await temporal.sessionFinished(sessionId);
}
