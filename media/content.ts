import type { RewrittenImage } from "./rewrite/image";
import type { StoredFile } from "./storage";

/** Bytes to be sent, of a known length: a file as it is stored, or a copy that is made while it is read. */
export type Content = Pick<StoredFile, "bytes" | "blob"> | RewrittenImage;

/**
 * The body of an answer: all of it, or from `start` to `end`, exclusive. Both kinds are read from the disk as fast as
 * they are taken; for a stream in either case, take `new Response(bodyOf(content)).body`.
 */
export function bodyOf(
  content: Content,
  part?: { start: number; end: number },
): Blob | ReadableStream<Uint8Array<ArrayBuffer>> {
  if ("blob" in content) return part ? content.blob.slice(part.start, part.end) : content.blob;
  return content.stream(part?.start ?? 0, part?.end ?? content.bytes);
}
