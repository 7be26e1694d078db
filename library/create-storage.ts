import type { Config } from "#config";
import type { StoragePlace } from "#db/schema/storage-moves";
import { createDiskStorage } from "#media/storage/disk";
import type { Storage } from "#media/storage/storage";

type Settings = Pick<Config, "dataDir" | "storage" | "s3" | "secrets">;

/** Every place that the settings can reach. */
export type StoragePlaces = Readonly<
  Record<StoragePlace, Storage | null> & { disk: Storage; configured: StoragePlace }
>;

/** What only S3 needs is loaded only for it. */
export async function createStoragePlaces({
  dataDir,
  storage,
  s3,
  secrets,
}: Settings): Promise<StoragePlaces> {
  const disk = createDiskStorage({ dataDir });
  if (s3 === null || secrets.s3 === null) return { disk, s3: null, configured: storage };
  const [{ createObjectStore }, { createS3Storage }] = await Promise.all([
    import("#media/storage/s3/object-store"),
    import("#media/storage/s3/storage"),
  ]);
  const { cacheBytes, ...place } = s3;
  const store = createObjectStore({ ...place, ...secrets.s3 });
  return { disk, s3: createS3Storage({ store, dataDir, cacheBytes }), configured: storage };
}

/** The storage that the settings name, whatever the rows say: for a library without rows. */
export async function createStorage(settings: Settings): Promise<Storage> {
  const places = await createStoragePlaces(settings);
  // With STORAGE=s3 its settings are complete.
  return places[places.configured] ?? places.disk;
}
