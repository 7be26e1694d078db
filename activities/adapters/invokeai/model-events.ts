import { openSocket, type SocketPlace } from "./socket";

export type ModelSubscription = {
  onChange: () => void;
  signal: AbortSignal;
};

/**
 * Calls back when InvokeAI says that a model was installed, and when it may have said so unheard: after each connect.
 * It says nothing of models that are removed or changed, and to accounts that are not its admin nothing at all.
 */
export function subscribeModelChanges(subscription: ModelSubscription & SocketPlace): void {
  const { onChange, signal } = subscription;
  if (signal.aborted) return;
  const socket = openSocket(subscription);
  socket.on("connect", onChange);
  socket.on("model_install_complete", onChange);
}
