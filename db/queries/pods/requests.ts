import { and, eq, isNull, notInArray } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { finalPodStatuses, type PodSession, podSessions } from "../../schema/pod-sessions";
import { findLivePodSession, insertPodSession } from "./sessions";

/** The place whose requests a pod that is rented with this volume serves. */
export const placeToRent = (volumeId: string | null): string =>
  volumeId === null ? "remote" : `volume:${volumeId}`;

/** The InvokeAI that a session's pod runs: that of the volume, or one that ends with the pod. */
export const placeOfSession = (session: { id: string; volumeId: string | null }): string =>
  session.volumeId === null ? `pod:${session.id}` : `volume:${session.volumeId}`;

/**
 * The owner asks for a pod. A live session is it; while it ends, another one follows. A repeated request changes nothing.
 * Returns the session that is live afterwards.
 */
export async function requestPodStart(
  db: Db,
  params: { id: string; volumeId: string | null; diskGb: number; now: Date },
): Promise<PodSession> {
  const { id, volumeId, diskGb, now } = params;
  for (;;) {
    const created = await insertPodSession(db, {
      id,
      place: placeOfSession({ id, volumeId }),
      volumeId,
      diskGb,
      requestedAt: now,
      isExplicit: true,
    });
    if (created) return created;
    const live = await findLivePodSession(db);
    if (!live) {
      // A request that is repeated after its session has ended.
      const [ended] = await db.select().from(podSessions).where(eq(podSessions.id, id));
      if (ended) return ended;
      continue;
    }
    const isEnding = live.stopRequestedAt !== null || live.endReason !== null;
    const [changed] = await db
      .update(podSessions)
      .set(isEnding ? { startAgain: true } : { isExplicit: true })
      .where(
        and(eq(podSessions.id, live.id), notInArray(podSessions.status, [...finalPodStatuses])),
      )
      .returning();
    if (changed) return changed;
  }
}

/** The owner asks for the end of the live session. Returns it; undefined when none is live. */
export async function requestPodStop(
  db: Db | Tx,
  params: { now: Date },
): Promise<PodSession | undefined> {
  await db
    .update(podSessions)
    .set({ stopRequestedAt: params.now, startAgain: false })
    .where(
      and(
        notInArray(podSessions.status, [...finalPodStatuses]),
        isNull(podSessions.stopRequestedAt),
      ),
    );
  return findLivePodSession(db);
}
