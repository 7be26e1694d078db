import type { Metadata } from "sharp";
import { sharp } from "./decoder";
import type { ImageMimeType } from "./formats";
import { decodeFault, imageRejected } from "./rejection";

/** A picture whose header was found to be within bounds; its pixels have not been seen yet. */
export type InspectedImage = Readonly<{
  mimeType: ImageMimeType;
  /** Of HEIF's codecs the one that sharp reads the header of, but has no decoder for. */
  isHevc: boolean;
  /** As a viewer shows it, after the turn that EXIF asks for. */
  width: number;
  height: number;
  hasAlpha: boolean;
  /** How EXIF says the stored pixels are turned, 1 to 8; 1 is upright. */
  orientation: number;
  /** 1, or the frames of an animation. */
  pages: number;
  /** Pixels the decoder keeps at one time; 0 where it works strip by strip. */
  heldPixels: number;
  /** The EXIF block as it stands in the file. */
  exif: Uint8Array | undefined;
  /** The colour profile (ICC). */
  profile: Uint8Array | undefined;
}>;

type Bounds = Readonly<{ side: number; pixels: number }>;

const minSide = 32;
const maxPages = 1000;
const usual: Bounds = { side: 12_000, pixels: 80_000_000 };
// Cameras and panoramas come as JPEG, which decodes at a fraction of its size.
const jpeg: Bounds = { side: 30_000, pixels: 220_000_000 };

/** How sharp names what it may find behind a signature. */
const behind: Readonly<Record<ImageMimeType, { format: string; compressions: string[] }>> = {
  "image/jpeg": { format: "jpeg", compressions: [] },
  "image/png": { format: "png", compressions: [] },
  "image/webp": { format: "webp", compressions: [] },
  "image/gif": { format: "gif", compressions: [] },
  "image/avif": { format: "heif", compressions: ["av1"] },
  "image/heic": { format: "heif", compressions: ["hevc"] },
  "image/heif": { format: "heif", compressions: ["hevc", "av1"] },
};

export function boundsOf(mimeType: ImageMimeType): Bounds {
  return mimeType === "image/jpeg" ? jpeg : usual;
}

/**
 * Checks a picture by its header alone, in milliseconds whatever its size.
 * @throws AppError image_rejected when it is out of bounds or its header is broken
 */
export async function inspectImage(path: string, mimeType: ImageMimeType): Promise<InspectedImage> {
  const { format, compressions } = behind[mimeType];
  const header = await readHeader(path);
  const { compression } = header;
  if (header.format !== format || (compression && !compressions.includes(compression))) {
    throw imageRejected("The picture's content does not match its signature; re-save it.");
  }
  checkBounds(header, boundsOf(mimeType));
  const isHevc = compression === "hevc";
  // HEIC says itself how it is turned, and its header was read so; what EXIF repeats of it counts for nothing.
  const { width, height } = isHevc ? header : header.autoOrient;
  return {
    mimeType,
    isHevc,
    width,
    height,
    hasAlpha: header.hasAlpha,
    orientation: isHevc ? 1 : (header.orientation ?? 1),
    // Several pictures in one HEIC are no animation: one of them is the picture.
    pages: isHevc ? 1 : (header.pages ?? 1),
    heldPixels: heldPixels(mimeType, header),
    exif: header.exif,
    profile: header.icc,
  };
}

async function readHeader(path: string): Promise<Metadata> {
  try {
    // No limit here, so that the answer to a large picture names the bound it breaks: nothing is decoded.
    return await sharp(path, { limitInputPixels: false, failOn: "truncated" }).metadata();
  } catch (error) {
    throw decodeFault(error);
  }
}

function checkBounds({ width, height, pages = 1 }: Metadata, bounds: Bounds): void {
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

/** A progressive JPEG and an interlaced PNG are complete only at their end, the others decode whole. */
function heldPixels(mimeType: ImageMimeType, header: Metadata): number {
  const { width, height, isProgressive, compression } = header;
  if ((mimeType === "image/jpeg" || mimeType === "image/png") && !isProgressive) return 0;
  // HEIC is held twice: as it was coded, and as colours.
  return width * height * (compression === "hevc" ? 2 : 1);
}
