import { and, desc, eq, inArray, isNotNull, notInArray, type SQL, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import type { NewEvent } from "../../schema/events";
import { finalPodStatuses, type PodSession, podSessions } from "../../schema/pod-sessions";
import { insertEvents } from "../events/events";

const isLive = notInArray(podSessions.status, [...finalPodStatuses]);

/** The session that may have a pod; there is at most one. */
export async function findLivePodSession(db: Db | Tx): Promise<PodSession | undefined> {
  const [row] = await db.select().from(podSessions).where(isLive);
  return row;
}

export async function findPodSession(db: Db | Tx, id: string): Promise<PodSession | undefined> {
  const [row] = await db.select().from(podSessions).where(eq(podSessions.id, id));
  return row;
}

/** The newest session at a place, live or not; undefined for a place that was never rented. */
export async function findNewestSessionAt(
  db: Db | Tx,
  place: string,
): Promise<PodSession | undefined> {
  const [row] = await db
    .select()
    .from(podSessions)
    .where(eq(podSessions.place, place))
    .orderBy(desc(podSessions.requestedAt), desc(podSessions.id))
    .limit(1);
  return row;
}

/** The newest sessions, live or not, newest first. `beforeId`: those older than this one. */
export async function listPodSessions(
  db: Db | Tx,
  params: { limit: number; beforeId?: string },
): Promise<PodSession[]> {
  const older =
    params.beforeId === undefined
      ? undefined
      : sql`(${podSessions.requestedAt}, ${podSessions.id}) < (select requested_at, id from pod_sessions where id = ${params.beforeId})`;
  return db
    .select()
    .from(podSessions)
    .where(older)
    .orderBy(desc(podSessions.requestedAt), desc(podSessions.id))
    .limit(params.limit);
}

type NewSession = Pick<PodSession, "id" | "place" | "volumeId" | "diskGb" | "requestedAt"> &
  Partial<Pick<PodSession, "isExplicit" | "replaces" | "refusals" | "phaseMessage">>;

/** Records that a pod is wanted, before anything is called; undefined when a session is live. */
export async function insertPodSession(
  db: Db | Tx,
  session: NewSession,
): Promise<PodSession | undefined> {
  return db.transaction(async (tx) => {
    const [row] = await tx
      .insert(podSessions)
      .values({ ...session, statusSince: session.requestedAt })
      .onConflictDoNothing()
      .returning();
    if (row) await insertEvents(tx, [podEvent("pod.changed", row)]);
    return row;
  });
}

/** Still as it was seen: no other worker has moved it on. */
function unchanged(seen: PodSession): SQL | undefined {
  return and(
    eq(podSessions.id, seen.id),
    eq(podSessions.status, seen.status),
    eq(podSessions.attempt, seen.attempt),
    sql`${podSessions.createSentAt} is not distinct from ${seen.createSentAt?.toISOString() ?? null}::timestamptz`,
    sql`${podSessions.podId} is not distinct from ${seen.podId}::text`,
  );
}

export type PodSessionChange = Partial<Omit<PodSession, "id" | "place">>;

/**
 * Changes a session, if it is still as it was seen; undefined when another worker was faster. A change of the status is
 * announced; `event`: instead of `pod.changed`.
 */
export async function changePodSession(
  db: Db | Tx,
  params: {
    seen: PodSession;
    set: PodSessionChange;
    now: Date;
    event?: (row: PodSession) => NewEvent;
    /** A further condition on the row or on others. */
    only?: SQL | undefined;
  },
): Promise<PodSession | undefined> {
  const { seen, set, now, event, only } = params;
  const hasMoved = set.status !== undefined && set.status !== seen.status;
  return db.transaction(async (tx) => {
    const [row] = await tx
      .update(podSessions)
      .set({ ...set, ...(hasMoved && { statusSince: now }) })
      .where(and(unchanged(seen), only))
      .returning();
    if (row && (hasMoved || event)) {
      await insertEvents(tx, [event?.(row) ?? podEvent("pod.changed", row)]);
    }
    return row;
  });
}

/** What every event of a pod's session holds. */
export const podEventData = ({ id, podId, status, gpuType, phaseMessage }: PodSession) => ({
  pod_session_id: id,
  pod_id: podId,
  status,
  gpu: gpuType,
  message: phaseMessage,
});

export const podEvent = (
  type: "pod.changed" | "pod.ready" | "pod.key_refused" | "pod.end_unconfirmed",
  session: PodSession,
): NewEvent => ({ type, sessionId: null, data: podEventData(session) });

/** Ended sessions whose bill is not known yet and was not asked for since `before`, oldest first. */
export async function listUnbilledSessions(
  db: Db,
  params: { endedAfter: Date; endedBefore: Date; checkedBefore: Date; limit: number },
): Promise<PodSession[]> {
  return db
    .select()
    .from(podSessions)
    .where(
      and(
        eq(podSessions.costSource, "estimate"),
        inArray(podSessions.status, [...finalPodStatuses]),
        isNotNull(podSessions.podId),
        sql`${podSessions.endedAt} between ${params.endedAfter.toISOString()}::timestamptz and ${params.endedBefore.toISOString()}::timestamptz`,
        sql`coalesce(${podSessions.billCheckedAt}, '-infinity') < ${params.checkedBefore.toISOString()}::timestamptz`,
      ),
    )
    .orderBy(podSessions.endedAt)
    .limit(params.limit);
}

/** Replaces the estimate by what was billed; once. */
export async function recordBill(
  db: Db,
  params: { id: string; micros: number | null; now: Date },
): Promise<void> {
  const { id, micros, now } = params;
  await db
    .update(podSessions)
    .set({
      billCheckedAt: now,
      ...(micros !== null && { costMicros: micros, costSource: "billed" as const }),
    })
    .where(and(eq(podSessions.id, id), eq(podSessions.costSource, "estimate")));
}
