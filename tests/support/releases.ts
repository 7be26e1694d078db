import { readdir } from "node:fs/promises";
import { join } from "node:path";
import type { RecordedRun } from "./histories";

/** Galleries as released versions left them in the midst of their work, a folder each. */
export const releasesFolder = new URL("../fixtures/releases", import.meta.url).pathname;

/** What a later version must find in such a gallery, and finish. */
export type ReleasedGallery = {
  /** Every original, by the photo's id. */
  originals: { id: string; sha256: string }[];
  trashed: string;
  album: { id: string; photos: string[] };
  /** The key of a share link to the album. */
  sharedKey: string;
  /** A step that had ended. */
  completed: string;
  /** Steps under way, and how many of their images were not generated yet. */
  unfinished: { step: string; images: number; missing: number }[];
  /** A photo whose retrieval had failed once and waited. */
  unfetched: string;
};

/** Their versions. */
export const releasedVersions = async (): Promise<string[]> =>
  (await readdir(releasesFolder, { withFileTypes: true }))
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => name)
    .toSorted();

export const releasedGallery = (folder: string): Promise<ReleasedGallery> =>
  Bun.file(join(folder, "gallery.json")).json();

/** The runs that were open. */
export const releasedRuns = (folder: string): Promise<RecordedRun[]> =>
  Bun.file(join(folder, "open-runs.json")).json();

export const releasedBackup = (folder: string): string => join(folder, "backup");
