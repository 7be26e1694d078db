import type { EventRow } from "#db/schema/events";

/** Later, a notice would only confuse. */
const longestDelayMs = 24 * 60 * 60_000;

/** What the owner is notified of, as a sentence; null: nothing. */
export function noticeOf(event: EventRow, now: Date): string | null {
  if (now.getTime() - event.createdAt.getTime() > longestDelayMs) return null;
  switch (event.type) {
    case "pod.changed": {
      const { status, gpu, pod_id: podId } = event.data;
      return status === "booting" ? `A GPU was rented: ${gpu}, pod ${podId}.` : null;
    }
    case "pod.ended":
    case "pod.failed": {
      const { pod_id: podId, message, cost_usd: cost } = event.data;
      return podId === null ? null : `Pod ${podId} has ended. ${message} It cost ${dollars(cost)}.`;
    }
    case "pod.budget_near": {
      const { limit, limit_usd: limitUsd, cost_usd: cost } = event.data;
      const of = limit === "session" ? "this pod" : "this month";
      return `Rented GPUs have used 80 % of the budget of ${of}: ${dollars(cost)} of ${dollars(limitUsd)}.`;
    }
    case "pod.end_unconfirmed":
      return `Pod ${event.data.pod_id} should have ended, and RunPod still lists it: it may cost money. Look at https://console.runpod.io/pods, or run ./gallery pods stop-all.`;
    case "pod.key_refused":
      return `RunPod refuses the gallery's key, and pod ${event.data.pod_id ?? ""} may run on. Set a valid RUNPOD_API_KEY, or end it at https://console.runpod.io/pods.`;
    case "pod.orphan_ended":
      return `Pod ${event.data.pod_id} (${event.data.name}) belonged to no session of this gallery and was ended.`;
    case "storage.move.waiting":
      return `The move of the photos to another storage waits. ${event.data.message}`;
    case "backup.failed":
      return `A backup has failed. ${event.data.error}`;
    default:
      return null;
  }
}

const dollars = (usd: number) => `$${usd.toFixed(2)}`;
