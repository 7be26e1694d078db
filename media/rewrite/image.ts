import type { ImageMimeType } from "../pictures/formats";
import type { StoredContent } from "../storage/storage";
import type { Change } from "./change";
import { rewriteGif } from "./gif";
import { rewriteJpeg } from "./jpeg";
import { UnsupportedStructure, type Piece, sumBytes } from "./pieces";
import { rewritePng } from "./png";
import { createReader, type Reader } from "./reader";
import { streamPieces } from "./stream";
import { rewriteWebp } from "./webp";

/** A copy that is generated while it is read: it is not stored, and only one chunk is in memory. */
export type RewrittenImage = Readonly<{
  bytes: number;
  pieces: readonly Piece[];
  /** From `start` to `end`, exclusive. */
  stream(start: number, end: number): ReadableStream<Uint8Array<ArrayBuffer>>;
}>;

type Rewrite = (reader: Reader, change: Change) => Promise<readonly Piece[]>;

const rewrites: Partial<Record<ImageMimeType, Rewrite>> = {
  "image/jpeg": rewriteJpeg,
  "image/png": rewritePng,
  "image/webp": rewriteWebp,
  "image/gif": rewriteGif,
};

/** Whether files of this type can be copied with identical coded pixels, if they follow their format. */
export function isRewritable(mimeType: ImageMimeType): boolean {
  return rewrites[mimeType] !== undefined;
}

/**
 * Copies a JPEG, PNG, WebP or GIF with other metadata and identical coded pixels. undefined for other types, and for a
 * file that violates its format, because it may hide data anywhere.
 */
export async function rewriteImage(
  source: StoredContent,
  mimeType: ImageMimeType,
  change: Change,
): Promise<RewrittenImage | undefined> {
  const rewrite = rewrites[mimeType];
  if (!rewrite) return undefined;
  try {
    return imageOf(source, await rewrite(createReader(source), change));
  } catch (error) {
    if (error instanceof UnsupportedStructure) return undefined;
    throw error;
  }
}

/** The copy made of these pieces of the file. */
export function imageOf(source: StoredContent, pieces: readonly Piece[]): RewrittenImage {
  return {
    bytes: sumBytes(pieces),
    pieces,
    stream: (start, end) => streamPieces(source, pieces, start, end),
  };
}
