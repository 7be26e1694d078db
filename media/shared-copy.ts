import type { DecodeLimits } from "./pixel-budget";
import type { ImageMimeType } from "./formats";
import { originalKey, type OriginalRef, sharedCopyKey } from "./keys";
import { reencodeImage } from "./reencode";
import type { Storage, StoredFile } from "./storage";

/**
 * The copy of an original that was made anew from its pixels, found or made; it is kept, since making it costs
 * seconds. Asked for several times at once it is made once. undefined when there is no original.
 */
export type SharedCopies = (photo: OriginalRef) => Promise<StoredFile | undefined>;

export function createSharedCopies(storage: Storage, decoding: DecodeLimits): SharedCopies {
  const making = new Map<string, Promise<void>>();

  async function make(photo: OriginalRef): Promise<void> {
    const original = originalKey(photo);
    const copy = sharedCopyKey(photo);
    const bytes = await storage.withLocalFile(original, (path) =>
      reencodeImage(path, photo.mimeType as ImageMimeType, decoding),
    );
    if (!bytes) return;
    await storage.put(copy, bytes);
    // The photo was purged meanwhile: nothing of it stays.
    if (!(await storage.find(original))) await storage.remove(copy);
  }

  return async function findOrMake(photo) {
    const key = sharedCopyKey(photo);
    const had = await storage.find(key);
    if (had) return had;
    const made = making.get(key) ?? make(photo).finally(() => making.delete(key));
    making.set(key, made);
    await made;
    return storage.find(key);
  };
}
