import { AppError, payloadTooLarge } from "#errors";
import type { IncomingRequest } from "../request";

/** An upload may be large: its time limit grows with the bytes received. */
type BodyKind = "document" | "upload";

/**
 * The chunks of a request's body as they arrive. A sender that pauses for 30 s or is too slow is cut off, so that
 * it cannot hold a connection and a partial file for ever.
 * @throws AppError validation_error when the body stalls, arrives too slowly, or breaks off
 */
export async function* bodyChunks(
  incoming: IncomingRequest,
  kind: BodyKind = "document",
): AsyncGenerator<Uint8Array> {
  const reader = incoming.request.body?.getReader();
  if (!reader) return;
  const { bodyStallMs, bodyMs, uploadBytesPerSecond } = incoming.bodyLimits;
  // Only time spent waiting for the sender is counted, not time spent writing to our disk.
  let leftMs = bodyMs;
  let isDone = false;
  try {
    for (;;) {
      const since = performance.now();
      const { done, value } =
        leftMs > bodyStallMs
          ? await within(reader.read(), bodyStallMs, () => brokenOff())
          : await within(reader.read(), leftMs, tooSlow);
      isDone = done;
      if (done) return;
      leftMs -= performance.now() - since;
      if (kind === "upload") leftMs += (value.byteLength / uploadBytesPerSecond) * 1_000;
      yield value;
    }
  } finally {
    if (!isDone) {
      incoming.isBodyCut = true;
      // Not awaited: it never finishes when the sender has stopped sending.
      void reader.cancel().catch(() => {});
    }
  }
}

/**
 * Reads a whole small body.
 * @param what the name of the body in the message of a 413
 * @throws AppError payload_too_large, and what `bodyChunks` throws
 */
export async function readBody(
  incoming: IncomingRequest,
  maxBytes: number,
  what: string,
): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of bodyChunks(incoming)) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) throw payloadTooLarge(`${what} may hold at most ${maxBytes} bytes.`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

async function within<T>(read: Promise<T>, ms: number, fault: () => AppError): Promise<T> {
  const { promise: end, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(fault()), ms);
  try {
    return await Promise.race([read, end]);
  } catch (error) {
    throw error instanceof AppError ? error : brokenOff(error);
  } finally {
    clearTimeout(timer);
  }
}

function brokenOff(cause?: unknown): AppError {
  return badBody("The body broke off before its end; send it again.", "incomplete", cause);
}

function tooSlow(): AppError {
  return badBody("The body arrived too slowly; send it over a faster connection.", "too slow");
}

function badBody(message: string, fault: string, cause?: unknown): AppError {
  return new AppError({
    kind: "invalid",
    code: "validation_error",
    message,
    details: { errors: [{ path: "", message: fault }] },
    cause,
  });
}
