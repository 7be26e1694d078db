import { sessionCost, toDollars } from "#db/pod-costs";
import type { PodSession } from "#db/schema/pod-sessions";
import type { LedgerPod } from "#simulators/runpod/control";
import type { Played } from "./run";
import { centUsd, doubtMs, minuteMs } from "./time";

const hourMs = 3_600_000;
/** While nothing of ours runs, an evicted pod counts as running until it is missed. */
const restartMs = 15_000;
const unwatched = [
  "worker killed",
  "Temporal away",
  "Temporal lost",
  "Postgres away",
  "network cut",
  "key refused",
];
/** RunPod does not end a pod although it is asked to, by us and by the pod itself. */
const refusedMs = 12_000;
const refusals = ["delete refused", "delete ignored", "rate limited"];

/** Sessions whose cost differs from what RunPod bills, and budgets that were passed. */
export function findBrokenBills(
  sessions: PodSession[],
  pods: LedgerPod[],
  played: Played,
): string[] {
  const { struck, budgets, stalledMs, liftedAt = Number.POSITIVE_INFINITY, schedule } = played;
  const has = (kinds: readonly string[]) => kinds.some((kind) => struck.has(kind));
  const slowMs = schedule.faults.find((fault) => fault.kind === "delete slow")?.tookMs ?? 0;
  const owned = sessions.flatMap((session) => {
    const pod = pods.find(({ id }) => id === session.podId);
    return pod ? [{ session, pod }] : [];
  });
  return [...owned.flatMap(checkCost), ...checkBudgets()];

  function checkCost({ session, pod }: { session: PodSession; pod: LedgerPod }): string[] {
    const counted = toDollars(sessionCost(session, new Date()));
    const unwatchedMs = has(unwatched) ? awayMs() : 0;
    // A pod that is gone before it was ever read may just not be known yet.
    const missedMs = stalledMs + unwatchedMs + (session.seenAt === null ? doubtMs : 0);
    // A stopped pod costs nothing but its disk, but counts until its end is confirmed.
    const stoppedMs = session.endReason === "exited" && has(refusals) ? refusedMs : 0;
    const tolerance = Math.max(pod.totalUsd * 0.02, centUsd) + (missedMs + stoppedMs) * perMs(pod);
    return Math.abs(counted - pod.totalUsd) <= tolerance
      ? []
      : [`session ${session.id} counts $${counted}, but its pod was billed $${pod.totalUsd}`];
  }

  function awayMs(): number {
    const away = schedule.faults.map((fault) => ("awayMs" in fault ? fault.awayMs : 0));
    return restartMs + away.reduce((sum, ms) => sum + ms, 0);
  }

  function checkBudgets(): string[] {
    const bound = owned.filter(({ pod }) => pod.realCreatedAt < liftedAt);
    const overMs = 2 * minuteMs + stalledMs + slowMs + (has(refusals) ? refusedMs : 0);
    const broken: string[] = [];
    for (const { pod } of bound) {
      if (budgets.sessionUsd === null) break;
      if (pod.totalUsd > budgets.sessionUsd + overMs * perMs(pod)) {
        broken.push(`pod ${pod.id} cost $${pod.totalUsd} of a budget of $${budgets.sessionUsd}`);
      }
    }
    if (budgets.monthUsd === null) return broken;
    const usd = bound.reduce((sum, { pod }) => sum + pod.totalUsd, 0);
    const dearest = Math.max(0, ...bound.map(({ pod }) => perMs(pod)));
    if (usd > budgets.monthUsd + overMs * dearest) {
      broken.push(`the pods cost $${usd} of the month's budget of $${budgets.monthUsd}`);
    }
    return broken;
  }
}

const perMs = ({ rateUsdPerHour }: LedgerPod): number => rateUsdPerHour / hourMs;
