import { openSocket, type SocketTarget } from "./socket";

export type ModelSubscription = {
  onChange: () => void;
  signal: AbortSignal;
};

/**
 * Calls back when InvokeAI reports an installed model, and after each connect, when a report may have been missed.
 * InvokeAI does not report removed or changed models, and reports nothing to accounts that are not admin.
 */
export function subscribeModelChanges(subscription: ModelSubscription & SocketTarget): void {
  const { onChange, signal } = subscription;
  if (signal.aborted) return;
  const socket = openSocket(subscription);
  socket.on("connect", onChange);
  socket.on("model_install_complete", onChange);
}
