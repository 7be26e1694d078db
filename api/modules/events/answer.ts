const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // A proxy that buffers the response would delay every message.
  "x-accel-buffering": "no",
};

/**
 * A text stream, produced as it is read. `open` is called at the first read; its signal is aborted when the client
 * disconnects or one of `until` is aborted.
 */
export function answerStream(
  open: (signal: AbortSignal) => AsyncGenerator<string>,
  until: AbortSignal[],
): Response {
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, ...until]);
  const encoder = new TextEncoder();
  let messages: AsyncGenerator<string> | undefined;

  const body = new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        messages ??= open(signal);
        const { done, value } = await messages.next();
        if (done) controller.close();
        else controller.enqueue(encoder.encode(value));
      },
      async cancel() {
        gone.abort();
        await messages?.return(undefined);
      },
    },
    // No message is produced before the client reads.
    { highWaterMark: 0 },
  );
  return new Response(body, { headers });
}
