import type { Config } from "#config";
import { createDiskStorage } from "#media/storage/disk";
import type { Storage } from "#media/storage/storage";

/** The storage that the settings name. What only S3 needs is loaded only for it. */
export async function createStorage({
  dataDir,
  s3,
  secrets,
}: Pick<Config, "dataDir" | "s3" | "secrets">): Promise<Storage> {
  if (s3 === null || secrets.s3 === null) return createDiskStorage({ dataDir });
  const [{ createObjectStore }, { createS3Storage }] = await Promise.all([
    import("#media/storage/s3/object-store"),
    import("#media/storage/s3/storage"),
  ]);
  const { cacheBytes, ...place } = s3;
  const store = createObjectStore({ ...place, ...secrets.s3 });
  return createS3Storage({ store, dataDir, cacheBytes });
}
