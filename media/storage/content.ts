import type { RewrittenImage } from "../rewrite/image";
import type { StoredFile } from "./storage";

/** Bytes to send, of known length: a stored file, or a copy that is generated while it is read. */
export type Content = Pick<StoredFile, "bytes" | "content"> | RewrittenImage;

/**
 * The body of a response: all of it, or from `start` to `end`, exclusive. Both kinds are read only as fast as they are
 * consumed. For a stream in either case, use `new Response(bodyOf(content)).body`.
 */
export function bodyOf(
  content: Content,
  part?: { start: number; end: number },
): Blob | ReadableStream<Uint8Array<ArrayBuffer>> {
  if ("content" in content) {
    const stored = part ? content.content.slice(part.start, part.end) : content.content;
    // Bun sends a file as a `Blob` without reading it into this process.
    return stored instanceof Blob ? stored : stored.stream();
  }
  return content.stream(part?.start ?? 0, part?.end ?? content.bytes);
}
