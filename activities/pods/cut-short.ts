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

/**
 * Refuses another batch at a place whose pod ends, or has ended, at a limit or on demand: the step must not rent the next pod by
 * itself.
 * @throws ApplicationFailure, not retryable, with the reason
 */
export async function refuseAfterLimit(db: Db, place: string): Promise<void> {
  const session = await findNewestSessionAt(db, place);
  if (!session || session.status === "ready" || session.endReason === null) return;
  const suggestion = suggestions[session.endReason];
  if (suggestion === undefined) return;
  const message = endMessages[session.endReason];
  throw permanentFailure({ code: "pod_error", message, suggestion });
}
