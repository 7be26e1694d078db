import type { ExpectedOriginal } from "#db/queries/photos/original-checks";
import type { OriginalFault } from "#db/schema/original-checks";
import { hashFile } from "#media/backup/hash";
import { originalKey } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";

/** Reads an original and compares it with the hash of its row; null: it is intact. */
export async function checkOriginal(
  storage: Storage,
  photo: ExpectedOriginal,
  onChunk: () => void = () => {},
): Promise<OriginalFault | null> {
  const found = await storage
    .withLocalFile(originalKey(photo), (path) => hashFile(path, onChunk))
    .catch((error: NodeJS.ErrnoException) => {
      // It was purged between two calls.
      if (error.code === "ENOENT") return undefined;
      // The disk cannot read it.
      if (error.code === "EIO") return null;
      throw error;
    });
  if (found === undefined) return "missing";
  return found?.sha256 === photo.contentHash ? null : "damaged";
}
