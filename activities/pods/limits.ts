import { toMicros } from "#db/pod-costs";
import type { SettingValues } from "#db/settings";
import type { PodEndReason, PodSession } from "#db/schema/pod-sessions";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/** What a pod has cost, in micro-dollars. */
export type Spending = { sessionMicros: number; monthMicros: number };

type Limits = Pick<
  SettingValues,
  | "backend.mode"
  | "backend.idle_timeout_minutes"
  | "backend.max_session_hours"
  | "backend.max_session_cost_usd"
  | "backend.max_month_cost_usd"
>;

/** Why a pod that runs has to end now; null: it does not. A limit that is reached exactly is reached. */
export function reasonToEnd(
  session: Pick<PodSession, "stopRequestedAt" | "madeAt" | "idleSince">,
  facts: { limits: Limits; spending: Spending; now: Date },
): PodEndReason | null {
  const { limits, spending, now } = facts;
  const since = (at: Date | null) => (at === null ? 0 : now.getTime() - at.getTime());
  if (session.stopRequestedAt !== null) return "stopped";
  if (limits["backend.mode"] === "local") return "mode_local";
  if (isReached(limits["backend.max_session_cost_usd"], spending.sessionMicros)) {
    return "session_budget";
  }
  if (isReached(limits["backend.max_month_cost_usd"], spending.monthMicros)) return "month_budget";
  if (since(session.madeAt) >= limits["backend.max_session_hours"] * hourMs) return "max_hours";
  if (since(session.idleSince) >= limits["backend.idle_timeout_minutes"] * minuteMs) return "idle";
  return null;
}

export function isReached(limitDollars: number | null, micros: number): boolean {
  const limit = toMicros(limitDollars);
  return limit !== null && micros >= limit;
}

/** The budgets of which 80 % are used. */
export function listNearLimits(
  limits: Limits,
  spending: Spending,
): { limit: "session" | "month"; limitMicros: number; micros: number }[] {
  const near = (limit: "session" | "month", dollars: number | null, micros: number) => {
    const limitMicros = toMicros(dollars);
    return limitMicros !== null && micros >= limitMicros * 0.8
      ? [{ limit, limitMicros, micros }]
      : [];
  };
  return [
    ...near("session", limits["backend.max_session_cost_usd"], spending.sessionMicros),
    ...near("month", limits["backend.max_month_cost_usd"], spending.monthMicros),
  ];
}

/**
 * When a pod that is made now ends by itself at the latest, whatever happens to this program: its time is up, or at this rate
 * a budget is used, and `graceMs` have passed since.
 */
export function latestEnd(facts: {
  limits: Limits;
  hourlyMicros: number;
  monthMicros: number;
  graceMs: number;
  now: Date;
}): Date {
  const { limits, hourlyMicros, monthMicros, graceMs, now } = facts;
  const month = toMicros(limits["backend.max_month_cost_usd"]);
  const budgets = [
    toMicros(limits["backend.max_session_cost_usd"]),
    month === null ? null : Math.max(month - monthMicros, 0),
  ];
  const hours = budgets.flatMap((micros) =>
    micros === null || hourlyMicros === 0 ? [] : micros / hourlyMicros,
  );
  const shortest = Math.min(limits["backend.max_session_hours"], ...hours);
  return new Date(now.getTime() + shortest * hourMs + graceMs);
}

/** How long the pod runs on without a sign of life from this program. */
export const guardPatienceMs = (limits: Pick<Limits, "backend.idle_timeout_minutes">): number =>
  (limits["backend.idle_timeout_minutes"] + 10) * minuteMs;

/**
 * When the bill of a pod ended that was found gone. It was last seen some time ago, and without this program it has ended by
 * itself at the latest after the guard's patience.
 */
export function endOfGonePod(
  session: Pick<PodSession, "seenAt" | "madeAt">,
  facts: { patienceMs: number; now: Date },
): Date {
  const seen = session.seenAt ?? session.madeAt ?? facts.now;
  const latest = seen.getTime() + facts.patienceMs + minuteMs;
  return new Date(Math.min(facts.now.getTime(), latest));
}
