import { type Static, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { openSocket, type SocketTarget } from "./socket";

export type ImageSubscription = {
  onImage: () => void;
  signal: AbortSignal;
};

const savedImage = Type.Object({
  invocation: Type.Object({ is_intermediate: Type.Optional(Type.Boolean()) }),
  result: Type.Object({ image: Type.Object({ image_name: Type.String() }) }),
});

/**
 * Calls back when a node saved an image that the gallery shows, and after each connect, when a report may have been missed.
 * Only a hint: uploads, and images of other accounts, are not reported.
 */
export function subscribeSavedImages(subscription: ImageSubscription & SocketTarget): void {
  const { onImage, signal } = subscription;
  if (signal.aborted) return;
  const socket = openSocket(subscription);
  socket.on("connect", () => {
    socket.emit("subscribe_queue", { queue_id: "default" });
    onImage();
  });
  socket.on("invocation_complete", (payload: unknown) => {
    if (isShown(payload)) onImage();
  });
}

function isShown(payload: unknown): payload is Static<typeof savedImage> {
  return Value.Check(savedImage, payload) && payload.invocation.is_intermediate !== true;
}
