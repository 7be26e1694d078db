const headers = {
  "content-type": "text/event-stream; charset=utf-8",
  "cache-control": "no-cache, no-transform",
  // A proxy that gathers the answer before it passes it on would hold every message back.
  "x-accel-buffering": "no",
};

/**
 * A stream of text made as it is read: `open` is called with a signal that is aborted when the client is gone or the
 * server closes, and not before somebody reads.
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
    // Nothing is made ahead of the client.
    { highWaterMark: 0 },
  );
  return new Response(body, { headers });
}
