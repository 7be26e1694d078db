import { and, gte, isNotNull, isNull, or, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { costSince, sessionCost } from "../../pod-costs";
import { podSessions } from "../../schema/pod-sessions";

/** Micro-dollars and milliseconds, the live session included. */
export type PodSpending = {
  currentMicros: number;
  monthMicros: number;
  lifetimeMicros: number;
  lifetimeMs: number;
};

/**
 * What rented pods have cost by `now`. A month begins by the calendar of `timeZone`; of a session over its beginning, the part
 * in proportion counts.
 */
export async function readPodSpending(
  db: Db | Tx,
  params: { now: Date; timeZone: string },
): Promise<PodSpending> {
  const { now, timeZone } = params;
  const from = await monthOf(db, { now, timeZone });
  const current = and(
    isNotNull(podSessions.madeAt),
    or(isNull(podSessions.endedAt), gte(podSessions.endedAt, from)),
  );
  const recent = await db.select().from(podSessions).where(current);
  const [before] = await db.execute<{ micros: number; ms: number }>(sql`
    select coalesce(sum(cost_micros), 0)::float8 as micros,
      coalesce(sum(extract(epoch from ended_at - made_at)), 0)::float8 * 1000 as ms
    from pod_sessions where made_at is not null and ended_at < ${from.toISOString()}::timestamptz
  `);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  return {
    currentMicros: sum(
      recent.filter(({ endedAt }) => endedAt === null).map((each) => sessionCost(each, now)),
    ),
    monthMicros: sum(recent.map((each) => costSince(each, from, now))),
    lifetimeMicros: (before?.micros ?? 0) + sum(recent.map((each) => sessionCost(each, now))),
    lifetimeMs:
      (before?.ms ?? 0) +
      sum(recent.map(({ madeAt, endedAt }) => (endedAt ?? now).getTime() - madeAt!.getTime())),
  };
}

async function monthOf(db: Db | Tx, params: { now: Date; timeZone: string }): Promise<Date> {
  const { now, timeZone } = params;
  const [row] = await db.execute<{ ms: number }>(sql`
    select extract(epoch from date_trunc('month', ${now.toISOString()}::timestamptz at time zone ${timeZone})
      at time zone ${timeZone})::float8 * 1000 as ms
  `);
  return new Date(row?.ms ?? 0);
}
