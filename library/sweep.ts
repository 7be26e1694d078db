import { countAllPhotos, findKnownPhotoIds } from "#db/queries/photos/photo-lookup";
import { type SweepReport, sweepFiles } from "#media/storage/sweep";
import type { Library } from "./library";

/**
 * Moves files without a row to quarantine; see `sweepFiles`.
 * @param onQuery called before each query for rows
 */
export async function sweepLibrary(
  { database: { db }, storage }: Library,
  { now, onQuery }: { now: Date; onQuery: () => void },
): Promise<SweepReport> {
  return sweepFiles({
    storage,
    now,
    photoCount: await countAllPhotos(db),
    knownIds: (ids) => {
      onQuery();
      return findKnownPhotoIds(db, ids);
    },
  });
}
