import { log } from "@temporalio/activity";
import { toDollars } from "#db/pod-costs";
import type { PodSession } from "#db/schema/pod-sessions";

/** One line for each session that has ended, also for one that made no pod. */
export function logEnd({ id, podId, endReason, costMicros }: PodSession): void {
  const costUsd = toDollars(costMicros ?? 0);
  log.info("pod session ended", { podSessionId: id, podId, reason: endReason, costUsd });
}
