import type { ImageMimeType } from "./formats";

/** The facts of a header that determine how much memory decoding takes. */
export type StoredForm = Readonly<{
  mimeType: ImageMimeType;
  /** The codec of a HEIF's pixels; undefined for other types. */
  coding: "hevc" | "av1" | undefined;
  /** Of one frame, in pixels. */
  width: number;
  height: number;
  /** 1 to 4. */
  channels: number;
  hasAlpha: boolean;
  /** 1, or 2 for depths above eight bits. */
  sampleBytes: number;
  /** A progressive JPEG or interlaced PNG: no row is complete before the end of the file. */
  isProgressive: boolean;
  /** EXIF orientation of the stored pixels, 1 to 8; 1 is upright. */
  orientation: number;
  /** 1, or the frames of an animation. */
  pages: number;
  /** Copies of the decoded pixels outside the decoder: for colour conversion, or to place them on a canvas. */
  copies: number;
}>;

/** The library's own memory, threads and row buffers. */
const baseBytes = 25_000_000;
/** The tables for converting CMYK to sRGB, and their row buffers. */
const cmykBytes = 25_000_000;
/** The longest side of the result; nothing larger is decoded and shrunk in one step. */
const shrunkSide = 1600;
/** For the written picture; lossless coding of its transparency takes most of it. */
const writeRate = { opaque: 10, alpha: 50 } as const;

/**
 * Bytes that a picture takes while it is decoded, shrunk row by row and written as WebP. An upper bound of the peaks
 * measured with sharp 0.35.5, from 6 to 219 megapixels; docs/performance.md has the table.
 */
export function shrinkBytes(form: StoredForm): number {
  const { width, height, hasAlpha } = form;
  const scale = Math.min(1, shrunkSide / Math.max(width, height));
  const shrunkPixels = width * height * scale ** 2;
  const written = shrunkPixels * (hasAlpha ? writeRate.alpha : writeRate.opaque);
  return Math.ceil(fixedBytes(form) + written + width * height * decodeRate(form));
}

/** Bytes that a picture takes while it is re-encoded at full size; measured in the same way. */
export function reencodeBytes(form: StoredForm, written: ImageMimeType): number {
  const pixels = form.width * form.height;
  // A picture that has to be rotated is complete before its first row is written.
  const turned = form.orientation === 1 ? 0 : form.channels * form.sampleBytes;
  const rate = decodeRate(form) + turned + encodeRate(form, written);
  // The frames of a GIF are processed one by one; the written ones are held twice.
  const frames = written === "image/gif" ? 2 * pixels * form.pages : 0;
  return Math.ceil(fixedBytes(form) + pixels * rate + frames);
}

function fixedBytes({ mimeType, channels }: StoredForm): number {
  return baseBytes + (mimeType === "image/jpeg" && channels === 4 ? cmykBytes : 0);
}

/** Bytes per pixel that a decoder holds. */
function decodeRate({
  mimeType,
  coding,
  channels,
  hasAlpha,
  sampleBytes,
  isProgressive,
  copies,
}: StoredForm): number {
  switch (mimeType) {
    case "image/jpeg":
      // 16-bit coefficients are kept until the last scan. Other pictures are shrunk while they are read.
      return isProgressive ? 2 * channels : 0;
    case "image/png":
      // The whole picture and its result, or the rows that one row of the result is made from.
      return channels * sampleBytes * (isProgressive ? 1.2 : 0.3);
    case "image/webp":
      return 6;
    case "image/gif":
      return 7 + copies * 4;
    default:
      if (coding === "hevc") return (sampleBytes === 1 ? 11 : 14) + (hasAlpha ? 4 : 0);
      return (sampleBytes === 1 ? 18 : 24) + copies * (hasAlpha ? 4 : 3) * sampleBytes;
  }
}

/** Bytes per pixel that an encoder holds in addition to the decoder. */
function encodeRate(
  { channels, hasAlpha, sampleBytes }: StoredForm,
  written: ImageMimeType,
): number {
  switch (written) {
    case "image/jpeg":
      // All 16-bit coefficients: the optimal Huffman tables are only known at the end.
      return 2 * Math.max(3, channels) + 1;
    case "image/webp":
      return hasAlpha ? 50 : 11;
    case "image/gif":
      return 12;
    default:
      // The written file, at most as large as the pixels.
      return channels * sampleBytes;
  }
}
