import type { ExpectedOriginal } from "#db/queries/photos/original-checks";
import type { OriginalFault } from "#db/schema/original-checks";
import { originalKey } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";

/** Reads an original and compares it with the hash of its row; null: it is intact. */
export async function checkOriginal(
  storage: Storage,
  photo: ExpectedOriginal,
  onChunk: () => void = () => {},
): Promise<OriginalFault | null> {
  const hash = await storage.hash(originalKey(photo), onChunk);
  if (hash === undefined) return "missing";
  return hash === photo.contentHash ? null : "damaged";
}
