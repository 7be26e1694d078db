import type { IngestedImage } from "./ingest";
import {
  originalKey,
  type OriginalRef,
  type PhotoKind,
  previewKey,
  sharedCopyKey,
  thumbnailKey,
} from "./keys";
import type { StagedFile, Storage } from "./storage";

/**
 * Puts a photo's three files in place; may run again for the same photo. The original comes last: where
 * it is, its derivatives are, and until then the staged file can still be aborted. The row that
 * names them is written after this, so that a crash at any point leaves files that no row names,
 * which the sweep finds by their id, and never a row without its files. On a fault nothing stays.
 */
export async function storePhotoFiles(
  storage: Storage,
  photo: { kind: PhotoKind; id: string },
  staged: StagedFile,
  image: IngestedImage,
): Promise<void> {
  const original: OriginalRef = { ...photo, mimeType: image.mimeType };
  try {
    // Both settle before any clean-up, which else could run ahead of a write.
    const derivatives = await Promise.allSettled([
      storage.put(previewKey(photo.id), image.preview),
      storage.put(thumbnailKey(photo.id), image.thumbnail),
    ]);
    const failed = derivatives.find((result) => result.status === "rejected");
    if (failed) throw failed.reason;
    await storage.commit(staged, originalKey(original));
  } catch (error) {
    // What a second fault leaves here, the sweep finds; the first one is the one to tell.
    await removePhotoFiles(storage, original).catch(() => undefined);
    throw error;
  }
}

/** Removes whatever there is of a photo that is deleted for good, also what killed tries to fetch it left. */
export async function purgePhotoFiles(storage: Storage, photo: OriginalRef): Promise<void> {
  if (photo.kind === "generated") await storage.removeStaged(photo.kind, photo.id);
  await removePhotoFiles(storage, photo);
}

/** Removes a photo's files, and a copy made to be shared; what is missing already is fine. The row goes first. */
export async function removePhotoFiles(storage: Storage, photo: OriginalRef): Promise<void> {
  await storage.remove(originalKey(photo));
  await storage.remove(previewKey(photo.id));
  await storage.remove(thumbnailKey(photo.id));
  await storage.remove(sharedCopyKey(photo));
}
