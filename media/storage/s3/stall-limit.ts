import { ObjectStoreFault } from "./fault";

/** Fails when the next chunk takes longer than `stalledMs` while somebody waits for it. */
export function withStallLimit(
  body: ReadableStream<Uint8Array>,
  stalledMs: number,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const limit = Promise.withResolvers<never>();
        const timer = setTimeout(
          () => limit.reject(new ObjectStoreFault("unreachable")),
          stalledMs,
        );
        try {
          const next = await Promise.race([reader.read(), limit.promise]);
          if (next.done) controller.close();
          else controller.enqueue(next.value);
        } catch (error) {
          void reader.cancel(error).catch(() => undefined);
          throw new ObjectStoreFault("unreachable", { cause: error });
        } finally {
          clearTimeout(timer);
        }
      },
      cancel: (reason) => reader.cancel(reason),
    },
    { highWaterMark: 0 },
  );
}
