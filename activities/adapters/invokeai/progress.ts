import { createProgressReader, type InvocationEvent, type ItemProgress } from "./progress-reader";
import { openSocket, type SocketPlace } from "./socket";

export type { ItemProgress, ProgressPhase } from "./progress-reader";

const invocationEvents: readonly InvocationEvent[] = [
  "invocation_started",
  "invocation_progress",
  "invocation_complete",
];

export type ProgressSubscription = {
  batchId: string;
  /** An item moved on; the fraction of one item never falls. */
  onProgress: (progress: ItemProgress) => void;
  /** An item changed its state, or something may have been missed. */
  onChange: () => void;
  signal: AbortSignal;
};

/**
 * Listens to one batch on InvokeAI's socket until `signal` ends it. A hint only: nothing is
 * replayed, cancelled items say nothing, and where no socket can be had there is silence, never an
 * error. The queue's REST routes hold the truth; `onChange` says when to look there at once.
 * Callbacks must not throw.
 */
export function subscribeProgress(subscription: ProgressSubscription & SocketPlace): void {
  const { batchId, onProgress, onChange, signal } = subscription;
  if (signal.aborted) return;
  const reader = createProgressReader(batchId);
  const socket = openSocket(subscription);

  socket.on("connect", () => {
    socket.emit("subscribe_queue", { queue_id: "default" });
    // Whatever happened before is not repeated.
    onChange();
  });
  socket.on("queue_item_status_changed", (payload: unknown) => {
    if (reader.takeStatus(payload)) onChange();
  });
  for (const event of invocationEvents) {
    socket.on(event, (payload: unknown) => {
      const progress = reader.takeInvocation(event, payload);
      if (progress) onProgress(progress);
    });
  }
}
