import { io } from "socket.io-client";
import type { HttpLogin } from "../http";
import { createProgressReader, type InvocationEvent, type ItemProgress } from "./progress-reader";

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

/** Between two tries of a socket that was turned away. */
const turnedAwayMs = 5_000;

/**
 * Listens to one batch on InvokeAI's socket until `signal` ends it. A hint only: nothing is
 * replayed, cancelled items say nothing, and where no socket can be had there is silence, never an
 * error. The queue's REST routes hold the truth; `onChange` says when to look there at once.
 * Callbacks must not throw.
 */
export function subscribeProgress(
  subscription: ProgressSubscription & { baseUrl: string; login?: HttpLogin },
): void {
  const { batchId, login, onProgress, onChange, signal } = subscription;
  if (signal.aborted) return;
  const url = new URL(subscription.baseUrl);
  const reader = createProgressReader(batchId);
  const socket = io(url.origin, {
    path: `${url.pathname.replace(/\/+$/, "")}/ws/socket.io`,
    // The server's long polling fails after the handshake.
    transports: ["websocket"],

    // A connection of its own: a shared one would end with the first of its users.
    forceNew: true,
    reconnectionDelay: 500,
    reconnectionDelayMax: 5_000,
    // Asked for at each connection: the last token may hold no longer.
    auth: (send) =>
      void findToken(login).then((found) => send(found === undefined ? {} : { token: found })),
  });
  let again: ReturnType<typeof setTimeout> | undefined;

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
  socket.on("disconnect", (reason) => {
    // The only ending after which the client does not come back by itself.
    if (reason === "io server disconnect" && !signal.aborted) socket.connect();
  });
  socket.on("connect_error", () => {
    // Turned away by the server itself, after which the client does not come back: its token may have
    // run out. Whoever calls a route meanwhile sees to another.
    if (!socket.active && !signal.aborted) again = setTimeout(() => socket.connect(), turnedAwayMs);
  });
  signal.addEventListener(
    "abort",
    () => {
      clearTimeout(again);
      socket.disconnect();
    },
    { once: true },
  );
}

/** Without a token the socket is tried all the same: its silence is borne. */
async function findToken(login: HttpLogin | undefined): Promise<string | undefined> {
  const authorization = await login?.authorization().catch(() => undefined);
  return authorization?.replace(/^Bearer /, "");
}
