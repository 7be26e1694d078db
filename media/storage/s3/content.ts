import type { StoredContent } from "../storage";

/**
 * The bytes `start` to `end` (exclusive) of a file that is downloaded when they are first read.
 * @param load gives the complete file
 */
export function contentOf(load: () => Promise<Blob>, start: number, end: number): StoredContent {
  const part = async () => (await load()).slice(start, end);
  return {
    size: Math.max(0, end - start),
    slice: (from, to) => contentOf(load, Math.min(start + from, end), Math.min(start + to, end)),
    bytes: async () => (await part()).bytes(),
    text: async () => (await part()).text(),
    stream() {
      let reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>> | undefined;
      return new ReadableStream<Uint8Array<ArrayBuffer>>(
        {
          async pull(controller) {
            reader ??= (await part()).stream().getReader();
            const next = await reader.read();
            if (next.done) controller.close();
            else controller.enqueue(next.value);
          },
          cancel: (reason) => reader?.cancel(reason),
        },
        { highWaterMark: 0 },
      );
    },
  };
}
