import { AppError } from "#errors";

const stallMs = 30_000;

const cut = new WeakSet<Request>();

/** Whether nobody waits for the rest of this request's body: its connection is of no use to a next one. */
export function isCut(request: Request): boolean {
  return cut.has(request);
}

/**
 * The chunks of a request's body as they come in. A sender that is silent for 30 s is cut, so that
 * nobody holds a connection and a half-written file for ever.
 * @throws AppError validation_error when the body stalls or breaks off
 */
export async function* bodyChunks(request: Request): AsyncGenerator<Uint8Array> {
  const reader = request.body?.getReader();
  if (!reader) return;
  let isDone = false;
  try {
    for (;;) {
      const { done, value } = await orStall(reader.read());
      isDone = done;
      if (done) return;
      yield value;
    }
  } finally {
    if (!isDone) {
      cut.add(request);
      // Not waited for: a sender that has stopped sending never lets it finish.
      void reader.cancel().catch(() => {});
    }
  }
}

async function orStall<T>(read: Promise<T>): Promise<T> {
  const { promise: stall, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(brokenOff()), stallMs);
  try {
    return await Promise.race([read, stall]);
  } catch (error) {
    throw error instanceof AppError ? error : brokenOff(error);
  } finally {
    clearTimeout(timer);
  }
}

function brokenOff(cause?: unknown): AppError {
  return new AppError({
    kind: "invalid",
    code: "validation_error",
    message: "The body broke off before its end; send it again.",
    details: { errors: [{ path: "", message: "incomplete" }] },
    cause,
  });
}
