import type { Metadata } from "sharp";
import { profileOfCodes } from "./colour/code-points";
import type { StoredForm } from "./decode-memory";
import { sharp } from "./decoder";
import type { ImageMimeType } from "./formats";
import { type GifCanvas, readGifCanvas } from "./gif-canvas";
import { inspectHeif } from "./heif/thread";
import type { HeifHeader } from "./heif/worker";
import { readPngCodes } from "./png-colour";
import { decodeFault, imageRejected } from "./rejection";

/** A picture whose header is within bounds; its pixels have not been decoded yet. */
export type InspectedImage = StoredForm &
  Readonly<{
    /** As displayed, after the EXIF rotation. */
    width: number;
    height: number;
    /** The file's colour profile (ICC). */
    profile: Uint8Array | undefined;
    /** A profile for colours that the file identifies by code points and its decoder does not convert. */
    codesProfile: Uint8Array | undefined;
    /** For a GIF whose first frame does not cover its canvas. */
    gifCanvas: GifCanvas | undefined;
  }>;

type Bounds = Readonly<{ side: number; pixels: number }>;

const minSide = 32;
const maxPages = 1000;
const usual: Bounds = { side: 12_000, pixels: 80_000_000 };
// Cameras and panoramas produce JPEG, which decodes in a fraction of its full size.
const jpeg: Bounds = { side: 30_000, pixels: 220_000_000 };

/** The format that sharp must detect for each signature. HEIF has its own reader. */
const formats: Readonly<Partial<Record<ImageMimeType, string>>> = {
  "image/jpeg": "jpeg",
  "image/png": "png",
  "image/webp": "webp",
  "image/gif": "gif",
};
const codings = { hvc1: "hevc", av01: "av1" } as const;

export function boundsOf(mimeType: ImageMimeType): Bounds {
  return mimeType === "image/jpeg" ? jpeg : usual;
}

/**
 * Validates a picture by its header alone, in milliseconds whatever its size.
 * @throws AppError image_rejected when it is out of bounds or its header is broken
 */
export async function inspectImage(path: string, mimeType: ImageMimeType): Promise<InspectedImage> {
  const isHeif = formats[mimeType] === undefined;
  return isHeif ? inspectHeifImage(path, mimeType) : inspectUsual(path, mimeType);
}

async function inspectUsual(path: string, mimeType: ImageMimeType): Promise<InspectedImage> {
  const header = await readHeader(path);
  if (header.format !== formats[mimeType]) throw otherContent();
  const canvas = mimeType === "image/gif" ? await readGifCanvas(Bun.file(path)) : undefined;
  const { width, height } = canvas ?? header.autoOrient;
  const pages = header.pages ?? 1;
  checkBounds({ width, height, pages }, boundsOf(mimeType));
  return {
    mimeType,
    coding: undefined,
    width,
    height,
    channels: header.channels,
    hasAlpha: header.hasAlpha,
    sampleBytes: header.depth === "uchar" ? 1 : 2,
    isProgressive: header.isProgressive ?? false,
    orientation: header.orientation ?? 1,
    pages,
    copies: canvas && !isCovered(canvas) ? 2 : 0,
    profile: header.icc,
    codesProfile: mimeType === "image/png" ? await codesProfileOfPng(path) : undefined,
    gifCanvas: canvas && isCovered(canvas) ? undefined : canvas,
  };
}

/** Uses libheif, because sharp's header reader rejects many files that decode. */
async function inspectHeifImage(path: string, mimeType: ImageMimeType): Promise<InspectedImage> {
  const header = await inspectHeif(path).catch((error) => {
    throw decodeFault(error);
  });
  const coding = Object.entries(codings).find(([item]) => item === header.coding)?.[1];
  if (coding === undefined || (mimeType === "image/avif" && coding !== "av1")) throw otherContent();
  const { width, height } = header;
  // Several pictures in one HEIC are not an animation: one of them is the primary picture.
  const pages = coding === "av1" ? header.frames : 1;
  checkBounds({ width, height, pages }, boundsOf(mimeType));
  const codesProfile = header.profile ? undefined : codesProfileOf(header);
  return {
    mimeType,
    coding,
    width,
    height,
    channels: header.hasAlpha ? 4 : 3,
    hasAlpha: header.hasAlpha,
    sampleBytes: header.isDeep ? 2 : 1,
    isProgressive: false,
    // The file has its own rotation, which the decoder applies; EXIF only repeats it and is ignored.
    orientation: 1,
    pages,
    copies: coding === "av1" && codesProfile ? 2 : 0,
    profile: header.profile,
    codesProfile,
    gifCanvas: undefined,
  };
}

function codesProfileOf({ codes, isMonochrome }: HeifHeader): Uint8Array | undefined {
  // For colour pictures the decoder expands the limited range itself.
  const areLimited = isMonochrome && codes?.isFullRange === false;
  return profileOfCodes(codes, { areLimited });
}

async function codesProfileOfPng(path: string): Promise<Uint8Array | undefined> {
  const codes = await readPngCodes(path);
  return codes && profileOfCodes(codes, { areLimited: !codes.isFullRange });
}

function isCovered({ width, height, frame }: GifCanvas): boolean {
  return frame.width === width && frame.height === height;
}

function otherContent() {
  return imageRejected("The picture's content does not match its signature; re-save it.");
}

async function readHeader(path: string): Promise<Metadata> {
  try {
    // No limit here, so that the error for a large picture can name the bound: nothing is decoded.
    return await sharp(path, { limitInputPixels: false, failOn: "truncated" }).metadata();
  } catch (error) {
    throw decodeFault(error);
  }
}

type Extent = { width: number; height: number; pages: number };

function checkBounds({ width, height, pages }: Extent, bounds: Bounds): void {
  if (Math.min(width, height) < minSide) {
    throw imageRejected(`The picture is too small: each side needs ${minSide} pixels or more.`);
  }
  if (Math.max(width, height) > bounds.side || width * height > bounds.pixels) {
    const megapixels = bounds.pixels / 1_000_000;
    throw imageRejected(
      `The picture is too large: pictures of its type may have up to ${bounds.side} pixels a side and ${megapixels} megapixels.`,
    );
  }
  if (pages > maxPages) {
    throw imageRejected(`The animation is too long: it may have up to ${maxPages} frames.`);
  }
}
