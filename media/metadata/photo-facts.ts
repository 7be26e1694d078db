import { sharp } from "../decoder";
import { readInvokeMetadata } from "../invoke-metadata";
import { type Camera, cameraOf, type Place, placeOf } from "./camera";
import { readExifTags } from "./exif-tags";
import type { JsonObject } from "./json-object";

/** What a stored file tells of itself beyond its row. */
export type PhotoFacts = Readonly<{
  camera: Camera | null;
  place: Place | null;
  /** As InvokeAI recorded it; checked for size and depth only. */
  invokeai: JsonObject | null;
}>;

/** Reads the file's head and texts, not its pixels. What cannot be read counts as absent. */
export async function readPhotoFacts(path: string, mimeType: string): Promise<PhotoFacts> {
  const exif = readExifTags(await exifBlockOf(path));
  return {
    camera: cameraOf(exif),
    place: placeOf(exif),
    invokeai: (mimeType === "image/png" && (await readInvokeMetadata(path))) || null,
  };
}

async function exifBlockOf(path: string): Promise<Uint8Array | undefined> {
  try {
    return (await sharp(path, { limitInputPixels: false }).metadata()).exif;
  } catch {
    // It was decoded once, when it came. Should it be broken since, its row is still worth an answer.
    return undefined;
  }
}
