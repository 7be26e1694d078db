import type { InspectedImage } from "../inspect";
import { readExifTags } from "./exif-tags";
import { type TakenAt, takenAtOf } from "./taken-at";

/** What a file tells of itself that a photo's row keeps. */
export type Recorded = Readonly<{ takenAt: TakenAt | undefined }>;

/** Reads it without ever failing for what is written there: a broken block counts as absent. */
export function readRecorded(image: InspectedImage): Recorded {
  return { takenAt: takenAtOf(readExifTags(image.exif)) };
}
