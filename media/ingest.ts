import { deriveImages, type DerivedImages } from "./derive";
import type { ImageMimeType } from "./formats";
import { inspectImage } from "./inspect";
import { readRecorded, type Recorded } from "./metadata/recorded";
import type { DecodeLimits } from "./pixel-budget";
import { imageRejected, unsupportedType } from "./rejection";
import { sniffFile } from "./sniff";
import type { ReceivedFile } from "./storage";

/** A picture that was decoded to its end: what its row says, and the derivatives to store. */
export type IngestedImage = ReceivedFile &
  DerivedImages &
  Readonly<{
    mimeType: ImageMimeType;
    /** Upright. */
    width: number;
    height: number;
    /** Above 1 for an animation. */
    pages: number;
    /** What the file tells of itself. */
    recorded: Recorded;
  }>;

/** What the sender announced, where it did: a generated picture of another size is not the one asked for. */
export type ExpectedImage = Readonly<{ mimeType: ImageMimeType; width: number; height: number }>;

/**
 * Takes a received file from bytes of unknown origin to a picture, cheap checks first; writes nothing.
 * @throws AppError unsupported_media_type when the content is no accepted type;
 *   image_rejected when it is out of bounds, damaged or not the expected one
 */
export async function ingestImage(
  file: ReceivedFile & Readonly<{ path: string }>,
  limits: DecodeLimits,
  expected?: ExpectedImage,
): Promise<IngestedImage> {
  const { path, bytes, sha256 } = file;
  if (bytes === 0) throw unsupportedType("The file is empty; send a picture.");
  const mimeType = await sniffFile(path);
  if (!mimeType) {
    throw unsupportedType("Only JPEG, PNG, WebP, GIF, AVIF and HEIC pictures can be taken.");
  }
  if (expected && mimeType !== expected.mimeType) {
    throw imageRejected(`The picture is ${mimeType}, not ${expected.mimeType}.`);
  }
  const image = await inspectImage(path, mimeType);
  const { width, height, pages } = image;
  if (expected && (width !== expected.width || height !== expected.height)) {
    throw imageRejected(
      `The picture is ${width}×${height}, not ${expected.width}×${expected.height}.`,
    );
  }
  const derived = await deriveImages(path, image, limits);
  const recorded = await readRecorded(path, image);
  return { bytes, sha256, mimeType, width, height, pages, recorded, ...derived };
}
