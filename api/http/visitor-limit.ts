import { rateLimited } from "#errors";
import { type Client, senderOf } from "./client";

const retryAfterSeconds = 5;

/**
 * Limits the number of concurrent requests to share links per address, so that one visitor cannot occupy the server. An
 * archive counts until it is sent. Behind a proxy that is not trusted all visitors share one address.
 */
export function createVisitorLimit(maxAtOnce: number) {
  const open = new Map<string, number>();

  function release(address: string): void {
    const count = (open.get(address) ?? 0) - 1;
    if (count > 0) open.set(address, count);
    else open.delete(address);
  }

  /** @throws AppError rate_limited */
  return async function admitVisitor(
    client: Client,
    work: () => Promise<Response>,
  ): Promise<Response> {
    const address = senderOf(client);
    if (address === undefined) return work();
    const count = open.get(address) ?? 0;
    if (count >= maxAtOnce) throw tooMany();
    open.set(address, count + 1);
    let isSending = false;
    try {
      const response = await work();
      const { body, headers, status } = response;
      if (!body || headers.get("content-type") !== "application/zip") return response;
      isSending = true;
      return new Response(
        untilSent(body, () => release(address)),
        { status, headers },
      );
    } finally {
      if (!isSending) release(address);
    }
  };
}

/** The same stream; `onEnd` is called once: when all bytes are sent, the client is gone or reading fails. */
function untilSent(body: ReadableStream<Uint8Array>, onEnd: () => void): ReadableStream {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      try {
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value);
        controller.close();
      } catch (error) {
        controller.error(error);
      }
      onEnd();
    },
    cancel(reason) {
      onEnd();
      return reader.cancel(reason);
    },
  });
}

const tooMany = () =>
  rateLimited(
    "Too many concurrent requests from this address; wait until some are answered.",
    retryAfterSeconds,
  );
