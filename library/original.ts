import { findCopyFault } from "#db/queries/shares/copy-faults";
import type { Photo } from "#db/schema/photos";
import { originalKey, type OriginalRef } from "#media/storage/keys";
import type { Storage, StoredFile } from "#media/storage/storage";
import type { StagedPicture } from "./keep";
import type { Library } from "./library";

/** Where the original of a photo is stored; undefined until it was fetched, and once it is purged. */
export function originalOf(
  photo: Pick<Photo, "id" | "kind" | "mimeType" | "retrievalStatus">,
): OriginalRef | undefined {
  const { id, kind, mimeType, retrievalStatus } = photo;
  return retrievalStatus === "completed" && mimeType !== null ? { id, kind, mimeType } : undefined;
}

/** undefined when the file is missing. */
export function findOriginal(
  storage: Storage,
  original: OriginalRef,
): Promise<StoredFile | undefined> {
  return storage.find(originalKey(original));
}

/** Calls `use` with a path to the file, valid until it ends; undefined when the file is missing. */
export function withOriginal<T>(
  storage: Storage,
  original: OriginalRef,
  use: (path: string) => Promise<T>,
): Promise<T | undefined> {
  return storage.withLocalFile(originalKey(original), use);
}

/** The same for a photo; undefined also when there is none, or it has no original. */
export async function withOriginalOf<T>(
  storage: Storage,
  photo: Photo | undefined,
  use: (path: string) => Promise<T>,
): Promise<T | undefined> {
  const original = photo && originalOf(photo);
  return original && withOriginal(storage, original, use);
}

/**
 * Replaces the photo's original by a received file with the same content hash, if the original is missing, has another
 * length, or is known to be damaged.
 */
export async function putBackOriginal(
  { database, storage }: Library,
  photo: Photo,
  { staged, received }: StagedPicture,
): Promise<void> {
  const { id, kind, mimeType } = photo;
  if (mimeType === null) return;
  const isDamaged = (await findCopyFault(database.db, id))?.reason === "undecodable";
  const original = { id, kind, mimeType };
  const stored = await findOriginal(storage, original);
  if (stored?.bytes === received.bytes && !isDamaged) return;
  await storage.commit(staged, originalKey(original));
}
