import { sessionCost, toMicros } from "#db/pod-costs";
import type { PodSession } from "#db/schema/pod-sessions";
import type { SettingValues } from "#db/settings";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;

/**
 * When a pod ends if nothing changes: its idle time, its longest time, or a budget at its rate, whichever is first. null: it
 * is not billed yet, or it is ending already.
 * @param known.monthMicros what this month has cost so far, in micro-dollars
 */
export function stopsAt(
  session: PodSession,
  known: { settings: SettingValues; monthMicros: number; now: Date },
): Date | null {
  const { madeAt, idleSince, hourlyMicros, status } = session;
  if (madeAt === null || !["booting", "provisioning", "ready"].includes(status)) return null;
  const { settings, monthMicros, now } = known;
  const affordable = (dollars: number | null, spent: number): number => {
    const limit = toMicros(dollars);
    if (limit === null || hourlyMicros === null || hourlyMicros === 0) return Infinity;
    return now.getTime() + (Math.max(limit - spent, 0) / hourlyMicros) * hourMs;
  };
  const ends = [
    madeAt.getTime() + settings["backend.max_session_hours"] * hourMs,
    affordable(settings["backend.max_session_cost_usd"], sessionCost(session, now)),
    affordable(settings["backend.max_month_cost_usd"], monthMicros),
    idleSince === null
      ? Infinity
      : idleSince.getTime() + settings["backend.idle_timeout_minutes"] * minuteMs,
  ];
  return new Date(Math.min(...ends));
}
