import type { ImageMimeType } from "../formats";
import type { Change } from "./change";
import { rewriteJpeg } from "./jpeg";
import { NotUnderstood, type Piece, streamPieces, sumBytes } from "./pieces";
import { rewritePng } from "./png";
import { createReader, type Reader } from "./reader";
import { rewriteWebp } from "./webp";

/** A copy that is made while it is read: nothing of it is stored, and a chunk of it in memory. */
export type RewrittenImage = Readonly<{
  bytes: number;
  /** From `start` to `end`, exclusive. */
  stream(start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>>;
}>;

type Rewrite = (reader: Reader, change: Change) => Promise<readonly Piece[]>;

const rewrites: Partial<Record<ImageMimeType, Rewrite>> = {
  "image/jpeg": rewriteJpeg,
  "image/png": rewritePng,
  "image/webp": rewriteWebp,
};

/**
 * A copy of a JPEG, PNG or WebP with other metadata and the very same coded pixels. undefined for other types, and
 * for a file that does not follow its format to the end, which may hide anything anywhere.
 */
export async function rewriteImage(
  source: Blob,
  mimeType: ImageMimeType,
  change: Change,
): Promise<RewrittenImage | undefined> {
  const rewrite = rewrites[mimeType];
  if (!rewrite) return undefined;
  try {
    const pieces = await rewrite(createReader(source), change);
    return {
      bytes: sumBytes(pieces),
      stream: (start, end) => streamPieces(source, pieces, start, end),
    };
  } catch (error) {
    if (error instanceof NotUnderstood) return undefined;
    throw error;
  }
}
