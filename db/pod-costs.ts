/** Money of rented pods, in micro-dollars: integers, so that sums are exact. */

const hourMs = 3_600_000n;

/** What a time costs at an hourly rate, rounded half up. A time that runs backwards, after a clock was set, costs nothing. */
export function costOf(hourlyMicros: number, ms: number): number {
  const duration = BigInt(Math.max(Math.round(ms), 0));
  return Number((BigInt(hourlyMicros) * duration + hourMs / 2n) / hourMs);
}

type Billed = {
  hourlyMicros: number | null;
  madeAt: Date | null;
  endedAt: Date | null;
  costMicros: number | null;
};

/** What a session has cost by `now`: the final cost once it has ended. */
export function sessionCost(session: Billed, now: Date): number {
  if (session.costMicros !== null) return session.costMicros;
  if (session.madeAt === null || session.hourlyMicros === null) return 0;
  const end = session.endedAt ?? now;
  return costOf(session.hourlyMicros, end.getTime() - session.madeAt.getTime());
}

/** The part of a session's cost that falls after `from`, in proportion to the time. */
export function costSince(session: Billed, from: Date, now: Date): number {
  const { madeAt } = session;
  if (madeAt === null) return 0;
  const end = (session.endedAt ?? now).getTime();
  const all = end - madeAt.getTime();
  const within = end - Math.max(madeAt.getTime(), from.getTime());
  const total = sessionCost(session, now);
  if (within >= all) return total;
  return within <= 0 ? 0 : Math.round((total * within) / all);
}

/** Divides a cost into `parts` shares that add up to it: the first ones get the remainder. */
export function divideCost(micros: number, parts: number): number[] {
  const share = Math.floor(micros / parts);
  const rest = micros - share * parts;
  return Array.from({ length: parts }, (_, at) => share + (at < rest ? 1 : 0));
}

/** US dollars, for the API and for rows that hold dollars. Exact to the micro-dollar. */
export const toDollars = (micros: number): number => micros / 1_000_000;

/** A limit in dollars from the settings, in micro-dollars; null: no limit. */
export const toMicros = (dollars: number | null): number | null =>
  dollars === null ? null : Math.round(dollars * 1_000_000);

/** As shown to the owner: `$1.20`. */
export const showDollars = (micros: number): string => `$${(micros / 1_000_000).toFixed(2)}`;
