/** Up to this length Bun sends headers and body in one system call. */
const maxPlainBytes = 15_000;

/**
 * A text as the body of an answer. Bun sends a longer one, unless it answers in the event that brought the request, with
 * four system calls for each header. A direct stream whose buffer holds all of it is sent in one, also with its
 * Content-Length.
 */
export function textBody(text: string): string | ReadableStream {
  const bytes = Buffer.byteLength(text);
  if (bytes <= maxPlainBytes) return text;
  const source: Bun.DirectUnderlyingSource = {
    type: "direct",
    pull(controller) {
      void controller.write(text);
      controller.close();
    },
  };
  // One more: a full buffer is sent at once, in chunks and without a length.
  const strategy = { highWaterMark: bytes + 1 };
  // Bun's kind of stream, which the DOM's types do not have.
  return new ReadableStream(source as unknown as UnderlyingSource, strategy);
}
