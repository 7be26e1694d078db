import { and, asc, eq, notInArray, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { costOf, divideCost } from "../../pod-costs";
import { photos } from "../../schema/photos";
import { finalPodStatuses, type PodSession, podSessions, podWork } from "../../schema/pod-sessions";
import { slots, steps } from "../../schema/steps";
import { type Turn, turns } from "../../schema/turns";

/**
 * Records what a turn took of the pod that it ran on, until `now`; nothing for a turn that waits, or at another place. A
 * repeat changes nothing. The step's cost, and its images' shares, follow.
 */
export async function recordWork(
  tx: Tx,
  params: {
    turn: Pick<Turn, "number" | "stepId" | "photoId" | "backend" | "grantedAt">;
    now: Date;
  },
): Promise<void> {
  const { turn, now } = params;
  if (turn.backend === null) return;
  const [session] = await tx
    .select()
    .from(podSessions)
    .where(
      and(
        eq(podSessions.place, turn.backend),
        notInArray(podSessions.status, [...finalPodStatuses]),
      ),
    );
  if (session) await recordTurn(tx, { session, turn, until: now });
}

/** The same for turns that are not released yet when their pod has ended. */
export async function recordUnreleasedWork(
  tx: Tx,
  params: { session: PodSession; endedAt: Date },
): Promise<void> {
  const { session, endedAt } = params;
  for (const turn of await tx.select().from(turns).where(eq(turns.backend, session.place))) {
    await recordTurn(tx, { session, turn, until: endedAt });
  }
}

async function recordTurn(
  tx: Tx,
  params: {
    session: PodSession;
    turn: Pick<Turn, "number" | "stepId" | "photoId" | "grantedAt">;
    until: Date;
  },
): Promise<void> {
  const { session, turn, until } = params;
  const { readyAt, hourlyMicros } = session;
  if (readyAt === null || hourlyMicros === null || turn.grantedAt === null) return;
  // A turn at a volume may have been granted on a pod before this one.
  const from = turn.grantedAt > readyAt ? turn.grantedAt : readyAt;
  const to = until > from ? until : from;
  const micros = costOf(hourlyMicros, to.getTime() - from.getTime());
  const { stepId, photoId, number } = turn;
  await tx
    .insert(podWork)
    .values({ sessionId: session.id, turn: number, stepId, photoId, from, to, micros })
    .onConflictDoNothing();
  if (stepId !== null) await updateStepCost(tx, stepId);
}

/** A step costs what its turns took; each of its images a share of that. */
async function updateStepCost(tx: Tx, stepId: string): Promise<void> {
  const [sum] = await tx
    .select({ micros: sql<number>`coalesce(sum(${podWork.micros}), 0)::float8` })
    .from(podWork)
    .where(eq(podWork.stepId, stepId));
  const micros = sum?.micros ?? 0;
  await tx
    .update(steps)
    .set({ costUsd: dollars(micros) })
    .where(eq(steps.id, stepId));
  const images = await tx
    .select({ photoId: slots.photoId })
    .from(slots)
    .where(and(eq(slots.stepId, stepId), eq(slots.status, "filled")))
    .orderBy(asc(slots.index));
  const ids = images.flatMap(({ photoId }) => photoId ?? []);
  if (ids.length === 0) return;
  for (const [at, share] of divideCost(micros, ids.length).entries()) {
    await tx
      .update(photos)
      .set({ costUsd: dollars(share) })
      .where(eq(photos.id, ids[at]!));
  }
}

/** Exact: a number of JavaScript would be rounded on its way. */
const dollars = (micros: number) => sql`${micros}::numeric / 1000000`;

/** How much of each of these sessions was work, in micro-dollars, and for how many images. */
export async function sumWork(
  db: Db | Tx,
  sessionIds: string[],
): Promise<Map<string, { micros: number; steps: number; pictures: number }>> {
  if (sessionIds.length === 0) return new Map();
  const rows = await db.execute<{
    id: string;
    micros: number;
    steps: number;
    pictures: number;
  }>(sql`
    select w.session_id as id, sum(w.micros)::float8 as micros, count(distinct w.step_id)::int as steps,
      (select count(*)::int from photos p join pod_sessions s on s.id = w.session_id
        where p.backend = s.place and p.kind = 'generated' and p.created_at >= s.ready_at
          and (s.ended_at is null or p.created_at <= s.ended_at)) as pictures
    from pod_work w where w.session_id in ${sessionIds} group by w.session_id
  `);
  return new Map(rows.map(({ id, ...rest }) => [id, rest]));
}
