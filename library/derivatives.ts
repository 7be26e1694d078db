import { randomUUID } from "node:crypto";
import { AppError } from "#errors";
import type { DecodeLimits } from "#media/pictures/decode-budget";
import { deriveImages } from "#media/pictures/derive";
import type { ImageMimeType } from "#media/pictures/formats";
import { inspectImage } from "#media/pictures/inspect";
import { type OriginalRef, previewKey, thumbnailKey } from "#media/storage/keys";
import type { Storage, StoredFile } from "#media/storage/storage";
import { findOriginal, withOriginal } from "./original";

type Derivatives = Readonly<Record<"thumbnail" | "preview", StoredFile>>;

/** Repairs in progress, so that several requests for one photo decode it only once. */
const making = new WeakMap<Storage, Map<string, Promise<Derivatives | undefined>>>();

/**
 * Recreates thumbnail and preview from the original and stores them. If they cannot be stored, they are still
 * returned. undefined when the original is missing or cannot be decoded.
 */
export function repairDerivatives(
  storage: Storage,
  photo: OriginalRef,
  decodeLimits: DecodeLimits,
): Promise<Derivatives | undefined> {
  const ofStorage = making.get(storage) ?? new Map<string, Promise<Derivatives | undefined>>();
  making.set(storage, ofStorage);
  const made =
    ofStorage.get(photo.id) ??
    repair(storage, photo, decodeLimits).finally(() => ofStorage.delete(photo.id));
  ofStorage.set(photo.id, made);
  return made;
}

async function repair(
  storage: Storage,
  photo: OriginalRef,
  decodeLimits: DecodeLimits,
): Promise<Derivatives | undefined> {
  // Another request may have made them in the meantime.
  const [had, hadThumbnail] = await Promise.all([
    storage.find(previewKey(photo.id)),
    storage.find(thumbnailKey(photo.id)),
  ]);
  if (had && hadThumbnail) return { preview: had, thumbnail: hadThumbnail };
  const images = await withOriginal(storage, photo, async (path) =>
    deriveImages(path, await inspectImage(path, photo.mimeType as ImageMimeType), decodeLimits),
  ).catch((error: unknown) => {
    if (error instanceof AppError && error.kind === "unprocessable") return undefined;
    throw error;
  });
  if (!images) return undefined;
  const [preview, thumbnail] = await Promise.all([
    store(storage, previewKey(photo.id), images.preview),
    store(storage, thumbnailKey(photo.id), images.thumbnail),
  ]);
  // The photo was purged meanwhile: nothing of it stays.
  if (!(await findOriginal(storage, photo))) {
    await storage.remove(previewKey(photo.id));
    await storage.remove(thumbnailKey(photo.id));
    return undefined;
  }
  return { preview, thumbnail };
}

async function store(storage: Storage, key: string, bytes: Uint8Array): Promise<StoredFile> {
  try {
    await storage.put(key, bytes);
  } catch (error) {
    if (!(error instanceof AppError && error.kind === "storage_full")) throw error;
  }
  const content = new Blob([bytes as Uint8Array<ArrayBuffer>]);
  return (
    (await storage.find(key)) ?? {
      bytes: content.size,
      modifiedAt: new Date(),
      changedAt: new Date(),
      revision: randomUUID(),
      content,
    }
  );
}
