import {
  claimExpired,
  claimPurge,
  deleteUnneededNodes,
  finishPurge,
  listUnfinishedPurges,
  type PurgedFiles,
} from "#db/queries/photos/purge";
import { purgePhotoFiles } from "#media/storage/photo-files";
import type { Library } from "./library";

const sliceSize = 100;

/**
 * Purges photos: hides them from every route, removes their files, then their rows.
 * @returns the ids that existed, and the faults of photos that are left to the next `purgeExpired`
 */
export async function purgeByIds(
  library: Library,
  params: { ids: string[]; now: Date },
): Promise<{ found: Set<string>; faults: unknown[] }> {
  const claimed = await claimPurge(library.database.db, params);
  const found = new Set(claimed.map((photo) => photo.id));
  try {
    return { found, faults: (await finish(library, claimed)).faults };
  } catch (error) {
    return { found, faults: [error] };
  }
}

/**
 * Finishes interrupted purges, then purges photos trashed before `trashedBefore`. The state of each purge is in its row, so
 * any run can continue where another one died.
 * @param params.onProgress called after each photo, also when its files could not be removed, and after each slice of nodes
 */
export async function purgeExpired(
  library: Library,
  params: { trashedBefore: Date; now: Date; onProgress: () => void },
): Promise<{ photos: number; nodes: number; faults: unknown[] }> {
  const { db } = library.database;
  const { onProgress, ...expiry } = params;
  const faults: unknown[] = [];
  let photos = 0;
  const finishSlice = async (slice: PurgedFiles[]) => {
    const done = await finish(library, slice, onProgress);
    photos += done.purged;
    faults.push(...done.faults);
    return slice.at(-1)?.id;
  };
  for (let afterId: string | null | undefined = null; afterId !== undefined;) {
    afterId = await finishSlice(await listUnfinishedPurges(db, { afterId, limit: sliceSize }));
  }
  for (let last: string | undefined = ""; last !== undefined;) {
    last = await finishSlice(await claimExpired(db, { ...expiry, limit: sliceSize }));
  }
  return { photos, nodes: await deleteUnneededNodes(db, onProgress), faults };
}

/** A photo whose files cannot be removed does not block the others. */
async function finish(
  { database, storage }: Library,
  claimed: PurgedFiles[],
  onProgress?: () => void,
): Promise<{ purged: number; faults: unknown[] }> {
  const removed: string[] = [];
  const faults: unknown[] = [];
  for (const photo of claimed) {
    await purgePhotoFiles(storage, photo).then(
      () => removed.push(photo.id),
      (error: unknown) => faults.push(error),
    );
    onProgress?.();
  }
  return { purged: await finishPurge(database.db, removed), faults };
}
