import {
  createProgressReader,
  type InvocationEvent,
  type ItemProgress,
  type ProgressSpans,
} from "./progress-reader";
import { openSocket, type SocketTarget } from "./socket";

export {
  hiresSpans,
  type ItemProgress,
  type ProgressPhase,
  type ProgressSpans,
} from "./progress-reader";

const invocationEvents: readonly InvocationEvent[] = [
  "invocation_started",
  "invocation_progress",
  "invocation_complete",
];

export type ProgressSubscription = {
  batchId: string;
  /** The share of each node in an item's progress; default: those of our own graphs. */
  spans?: ProgressSpans | undefined;
  /** An item made progress; the fraction of an item never decreases. */
  onProgress: (progress: ItemProgress) => void;
  /** An item changed its status, or events may have been missed. */
  onChange: () => void;
  signal: AbortSignal;
};

/**
 * Listens to one batch on InvokeAI's socket until `signal` aborts. Only a hint: nothing is replayed, cancelled items send no
 * event, and without a connection there are no events and no error. The queue's REST routes are authoritative; `onChange`
 * says when to poll them at once. Callbacks must not throw.
 */
export function subscribeProgress(subscription: ProgressSubscription & SocketTarget): void {
  const { batchId, onProgress, onChange, signal } = subscription;
  if (signal.aborted) return;
  const reader = createProgressReader(batchId, subscription.spans);
  const socket = openSocket(subscription);

  socket.on("connect", () => {
    socket.emit("subscribe_queue", { queue_id: "default" });
    // Earlier events are not repeated.
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
