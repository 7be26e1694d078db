import type { Db } from "#db/client";
import { findNewestSessionAt } from "#db/queries/pods/sessions";
import type { PodEndReason } from "#db/schema/pod-sessions";
import { permanentFailure } from "../failures";
import { endMessages } from "./words";

const suggestions: Partial<Record<PodEndReason, string>> = {
  stopped: "Start a pod, then retry the step: only its missing images are made.",
  max_hours: "Retry the step: another pod makes its missing images.",
  session_budget: "Retry the step: another pod makes its missing images.",
  month_budget: "Raise backend.max_month_cost_usd, then retry the step.",
};

/** What to do after a pod at this place has ended, or while it ends, at a limit or on demand; undefined: it has not. */
async function findLimit(
  db: Db,
  place: string,
): Promise<{ reason: PodEndReason; suggestion: string } | undefined> {
  const session = await findNewestSessionAt(db, place);
  if (!session || session.status === "ready" || session.endReason === null) return undefined;
  const suggestion = suggestions[session.endReason];
  return suggestion === undefined ? undefined : { reason: session.endReason, suggestion };
}

/** Whether a reproduction is given up there: it must neither hold up the end of its pod nor rent the next one. */
export async function isCutShort(db: Db, place: string): Promise<boolean> {
  return (await findLimit(db, place)) !== undefined;
}

/**
 * Refuses another batch at a place whose pod ends, or has ended, at a limit or on demand: the step must not rent the next pod by
 * itself.
 * @throws ApplicationFailure, not retryable, with the reason
 */
export async function refuseAfterLimit(db: Db, place: string): Promise<void> {
  const limit = await findLimit(db, place);
  if (limit === undefined) return;
  const message = endMessages[limit.reason];
  throw permanentFailure({ code: "pod_error", message, suggestion: limit.suggestion });
}
