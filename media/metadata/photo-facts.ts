import { readInvokeMetadata } from "./invoke-metadata";
import { findPngTexts } from "../pictures/png-text";
import { readBlocks } from "./blocks";
import { type Camera, cameraOf, type Place, placeOf } from "./camera";
import type { JsonObject } from "./json-object";

/** Metadata of a stored file that its row does not hold. */
export type PhotoFacts = Readonly<{
  camera: Camera | null;
  place: Place | null;
  /** As recorded by InvokeAI; only size and depth are checked. */
  invokeai: JsonObject | null;
}>;

/** Reads the file's header and texts, not its pixels. Unreadable data counts as absent. */
export async function readPhotoFacts(path: string, mimeType: string): Promise<PhotoFacts> {
  const png = mimeType === "image/png" ? await findPngTexts(path) : undefined;
  const { exif } = await readBlocks(path, mimeType, png);
  return {
    camera: cameraOf(exif),
    place: placeOf(exif),
    invokeai: (png && (await readInvokeMetadata(png))) ?? null,
  };
}
