import type { ApiDeps } from "#api/deps";
import { discardUnselected } from "#db/queries/discard";
import type { Tx } from "#db/client";
import { insertEvents, type NewEvent } from "#db/queries/events";
import {
  closeSession,
  countLiveSteps,
  insertSession,
  lockSession,
  markCancelled,
  setSessionTitle,
} from "#db/queries/generation-requests";
import { finishSession, markDeleted } from "#db/queries/session-end";
import type { EntryType, SessionStatus } from "#db/schema/sessions";
import { conflict, invalid, notFound } from "#errors";
import { checkPicture } from "./source";

type Deps = Pick<ApiDeps, "database" | "temporal" | "now">;

type AskedSession = {
  id: string;
  entryType: EntryType;
  sourceImageId: string | null;
  title: string | null;
};

/** Writes a session and tells its workflow. */
export async function openSession(
  { database, temporal }: Deps,
  asked: AskedSession,
): Promise<void> {
  const { id, entryType, sourceImageId } = asked;
  if (entryType === "refinement" && sourceImageId === null) {
    throw invalid("A refinement needs a picture to start from.", [
      { path: "source_image_id", message: "required for a refinement" },
    ]);
  }
  await database.db.transaction(async (tx) => {
    // A request that died behind its commit and came again with its key.
    if (await lockSession(tx, id)) return;
    if (sourceImageId !== null) {
      await checkPicture(tx, { photoId: sourceImageId, path: "source_image_id" });
    }
    await insertEvents(tx, [await writeSession(tx, asked)]);
  });
  await temporal.sessionOpened(id);
}

/** Writes a session without telling anybody; answers what is to be told last in the transaction. */
export async function writeSession(tx: Tx, session: AskedSession): Promise<NewEvent> {
  await insertSession(tx, session);
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
 * Renames or closes a session. Completing wants its steps to have ended; abandoning cancels them, and images nobody
 * chose then go to the trash when the last one has ended.
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
 * Deletes a session and trashes its images that nobody chose or uses. It is gone for every route at once; where a step is
 * still running, its row goes when that one is cancelled.
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
