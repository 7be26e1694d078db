import { showDollars, toMicros } from "#db/pod-costs";
import type { PodEndReason, PodRefusal, PodSession } from "#db/schema/pod-sessions";
import { isReached } from "./limits";
import { endMessages } from "./words";

type Ended = Pick<
  PodSession,
  | "id"
  | "status"
  | "endedAt"
  | "idleSince"
  | "endReason"
  | "startAgain"
  | "replaces"
  | "refusals"
  | "gpuType"
  | "dataCenter"
  | "phaseMessage"
>;

export type StartFacts = {
  canRent: boolean;
  /** When the newest run asked for its turn; null: none waits. */
  newestRequest: Date | null;
  /** The newest session, which has ended. */
  last: Ended | undefined;
  /** How many of the newest sessions failed. */
  failures: number;
  monthMicros: number;
  monthLimitUsd: number | null;
  firstPauseMs: number;
  now: Date;
};

export type StartDecision =
  | { start: true; isExplicit: boolean; replaces: string | null; refusals: PodRefusal[] }
  /** `reason`: for the owner; null: no pod is wanted. `againAt`: when time alone changes the decision. */
  | { start: false; reason: string | null; againAt: Date | null };

/** Ends after which a pod is rented only for a request made since then: the owner's limits, and faults that cost money. */
const holding: readonly PodEndReason[] = [
  "stopped",
  "max_hours",
  "session_budget",
  "boot_timeout",
  "unresponsive",
  "unknown_administrator",
];

const longestPauseMs = 15 * 60_000;

/** Whether a pod is rented now, when none is. */
export function decideStart(facts: StartFacts): StartDecision {
  const { last, now, newestRequest } = facts;
  const isExplicit = last?.startAgain ?? false;
  if (!isExplicit && newestRequest === null) return { start: false, reason: null, againAt: null };
  const wait = (reason: string, againAt: Date | null = null) =>
    ({ start: false, reason, againAt }) as const;
  if (!facts.canRent) {
    return wait("No GPU can be rented without RUNPOD_API_KEY; set it and restart the worker.");
  }
  if (isReached(facts.monthLimitUsd, facts.monthMicros)) {
    const limit = showDollars(toMicros(facts.monthLimitUsd) ?? 0);
    return wait(
      `This month's budget of ${limit} is used; raise backend.max_month_cost_usd to rent a GPU.`,
    );
  }
  const start = { start: true, isExplicit, replaces: null, refusals: [] } as const;
  if (!last || isExplicit) return { ...start, refusals: [] };
  if (last.endReason === "boot_timeout" && last.replaces === null && last.gpuType !== null) {
    const { gpuType, dataCenter } = last;
    const refusals = [
      ...last.refusals,
      { gpuType, dataCenter, detail: "It did not boot in time." },
    ];
    return { ...start, replaces: last.id, refusals };
  }
  const endedAt = last.endedAt ?? now;
  if (last.endReason !== null && holding.includes(last.endReason)) {
    // Made after the end was decided: the owner knows of it.
    const isNew = newestRequest !== null && newestRequest > (last.idleSince ?? endedAt);
    if (isNew) return { ...start, refusals: [] };
    return wait(`${endMessages[last.endReason]} A new request, or a start, rents another one.`);
  }
  if (facts.failures > 0) {
    const againAt = new Date(endedAt.getTime() + failurePauseMs(facts));
    if (againAt > now) return wait(last.phaseMessage ?? "No GPU could be rented.", againAt);
  }
  return { ...start, refusals: [] };
}

/** Doubles with each failure. */
function failurePauseMs({ failures, firstPauseMs }: StartFacts): number {
  return Math.min(firstPauseMs * 2 ** (failures - 1), longestPauseMs);
}
