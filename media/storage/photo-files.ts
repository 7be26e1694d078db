import type { DecodedImage } from "../pictures/ingest";
import {
  copyPlanKey,
  originalKey,
  type OriginalRef,
  type PhotoKind,
  previewKey,
  sharedCopyKeys,
  thumbnailKey,
} from "./keys";
import type { StagedFile, Storage } from "./storage";

/**
 * Stores a photo's three files; may run again for the same photo. The original comes last: if it exists, its
 * derivatives do, and until then the staged file can be aborted. The row is written afterwards, so a crash leaves
 * files without a row, which the sweep finds by their id, and never a row without its files. On an error all files are
 * removed.
 */
export async function storePhotoFiles(
  storage: Storage,
  photo: { kind: PhotoKind; id: string },
  staged: StagedFile,
  image: DecodedImage,
): Promise<void> {
  const original: OriginalRef = { ...photo, mimeType: image.mimeType };
  try {
    // Wait for both before cleaning up, or the clean-up could run before a write.
    const derivatives = await Promise.allSettled([
      storage.put(previewKey(photo.id), image.preview),
      storage.put(thumbnailKey(photo.id), image.thumbnail),
    ]);
    const failed = derivatives.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    await storage.commit(staged, originalKey(original));
  } catch (error) {
    // The sweep removes what a second fault leaves; the first fault is thrown.
    await removePhotoFiles(storage, original).catch(() => undefined);
    throw error;
  }
}

/** Removes whatever there is of a photo that is deleted for good, also what killed tries to fetch it left. */
export async function purgePhotoFiles(storage: Storage, photo: OriginalRef): Promise<void> {
  if (photo.kind === "generated") await storage.removeStaged(photo.kind, photo.id);
  await removePhotoFiles(storage, photo);
}

/** Removes a photo's files and its shared copies; missing files are fine. Delete the row first. */
export async function removePhotoFiles(storage: Storage, photo: OriginalRef): Promise<void> {
  await storage.remove(originalKey(photo));
  await storage.remove(previewKey(photo.id));
  await storage.remove(thumbnailKey(photo.id));
  for (const key of sharedCopyKeys(photo)) await storage.remove(key);
  await storage.remove(copyPlanKey(photo.id, "strip"));
  await storage.remove(copyPlanKey(photo.id, "stamp"));
}
