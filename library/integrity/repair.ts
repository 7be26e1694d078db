import { type ExpectedOriginal, findStoredIds } from "#db/queries/photos/original-checks";
import type { BackupStore } from "#media/backup/store";
import { originalKey } from "#media/storage/keys";
import type { Library } from "../library";

/**
 * Replaces an original by the bytes that the folder of backups has. A damaged file goes to quarantine.
 * @returns false when the backup has other bytes, too, or the photo was purged meanwhile
 */
export async function putBackFromBackup(
  { database, storage }: Library,
  backups: BackupStore,
  photo: ExpectedOriginal,
): Promise<boolean> {
  const source = await backups.originals.open(photo.contentHash);
  if (!source) return false;
  await using staged = await storage.stage(photo.kind);
  const received = await staged.receive(source, photo.fileSize);
  if (received.contentHash !== photo.contentHash) return false;
  const key = originalKey(photo);
  await storage.quarantine(key, new Date());
  await storage.commit(staged, key);
  // A purge hides the row before it removes the file: one of the two sees the other.
  if ((await findStoredIds(database.db, [photo.id])).size === 1) return true;
  await storage.remove(key);
  return false;
}
