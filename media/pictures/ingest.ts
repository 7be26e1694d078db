import { existsSync } from "node:fs";
import { deriveImages, type DerivedImages } from "./derive";
import { storageUnmounted } from "../storage/faults";
import type { ImageMimeType } from "./formats";
import { inspectImage, type InspectedImage } from "./inspect";
import { readRecorded, type Recorded } from "../metadata/recorded";
import type { DecodeLimits } from "./decode-budget";
import { imageRejected, unsupportedType } from "./rejection";
import { sniffFile } from "./sniff";
import type { ReceivedFile } from "../storage/storage";

/** A completely decoded picture: the values of its row, and the derivatives to store. */
export type DecodedImage = ReceivedFile &
  DerivedImages &
  Readonly<{
    mimeType: ImageMimeType;
    /** After rotation. */
    width: number;
    height: number;
    /** Above 1 for an animation. */
    pages: number;
  }>;

/** The same with the metadata from the file. */
export type IngestedImage = DecodedImage & Readonly<{ recorded: Recorded }>;

type File = ReceivedFile & Readonly<{ path: string }>;

/** The announced properties of a generated picture: one with another size is not the requested one. */
export type ExpectedImage = Readonly<{ mimeType: ImageMimeType; width: number; height: number }>;

/**
 * Validates and decodes a received file of unknown origin, cheap checks first; writes nothing.
 * @throws AppError unsupported_media_type when the content is not an accepted type; image_rejected when it is out of
 *   bounds, damaged or not the expected picture; storage_error when the file is missing
 */
export async function ingestImage(
  file: File,
  decodeLimits: DecodeLimits,
  expected?: ExpectedImage,
): Promise<IngestedImage> {
  return withFilePresent(file, async () => {
    const { image, picture } = await decodeReceived(file, decodeLimits, expected);
    return { ...picture, recorded: await readRecorded(file.path, image) };
  });
}

/** `ingestImage` without the metadata: for a generated picture, whose request is in the rows. */
export async function decodeImage(
  file: File,
  decodeLimits: DecodeLimits,
  expected?: ExpectedImage,
): Promise<DecodedImage> {
  return withFilePresent(
    file,
    async () => (await decodeReceived(file, decodeLimits, expected)).picture,
  );
}

async function withFilePresent<T>(file: File, decode: () => Promise<T>): Promise<T> {
  try {
    return await decode();
  } catch (error) {
    // The file vanished with its volume while it was read, which says nothing about the picture.
    if (existsSync(file.path)) throw error;
    throw storageUnmounted(error);
  }
}

async function decodeReceived(
  file: File,
  decodeLimits: DecodeLimits,
  expected: ExpectedImage | undefined,
): Promise<{ image: InspectedImage; picture: DecodedImage }> {
  const { path, bytes, contentHash } = file;
  if (bytes === 0) throw unsupportedType("The file is empty; send a picture.");
  const mimeType = await sniffFile(path);
  if (!mimeType) {
    throw unsupportedType("Only JPEG, PNG, WebP, GIF, AVIF and HEIC pictures are accepted.");
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
  const derived = await deriveImages(path, image, decodeLimits);
  return { image, picture: { bytes, contentHash, mimeType, width, height, pages, ...derived } };
}
