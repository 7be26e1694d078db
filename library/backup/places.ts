import { join } from "node:path";
import type { Config } from "#config";
import { parseBucketPlace } from "#media/backup/bucket/place";
import { openBackupBucket, prepareBackupBucket } from "#media/backup/bucket/store";
import { backupFault } from "#media/backup/faults";
import { type BackupStore, openBackupStore, prepareBackupStore } from "#media/backup/store";
import { createObjectStore } from "#media/storage/s3/object-store";

/** Opens places of backups: the absolute path of a folder, or `s3://bucket/prefix`. */
export type BackupPlaces = Readonly<{
  /** For reading. @throws AppError when it holds no backups */
  open(place: string): Promise<BackupStore>;
  /** For backups of this installation; an empty place becomes one. See `prepareBackupStore`. */
  prepare(
    place: string,
    expected: { installationId: string; expectsBackups: boolean },
  ): Promise<BackupStore>;
}>;

type Settings = Pick<Config, "dataDir" | "backup" | "s3"> & {
  secrets: Pick<Config["secrets"], "backupS3">;
};

export function createBackupPlaces(config: Settings): BackupPlaces {
  function bucketOf(place: string) {
    const named = parseBucketPlace(place);
    if (!named) return undefined;
    const { s3: where } = config.backup;
    const keys = config.secrets.backupS3;
    if (where === null || keys === null) {
      throw backupFault(
        "Backups in a bucket need BACKUP_S3_ENDPOINT, BACKUP_S3_ACCESS_KEY_ID and BACKUP_S3_SECRET_ACCESS_KEY.",
      );
    }
    const store = createObjectStore({ ...where, ...keys, ...named });
    const isOfPhotos = config.s3?.endpoint === where.endpoint && config.s3.bucket === named.bucket;
    return { store, scratch: join(config.dataDir, "unfinished-backup"), isOfPhotos };
  }

  return {
    async open(place) {
      const bucket = bucketOf(place);
      return bucket ? openBackupBucket(bucket) : openBackupStore(place);
    },
    async prepare(place, expected) {
      const bucket = bucketOf(place);
      if (!bucket) return prepareBackupStore(place, expected);
      if (bucket.isOfPhotos) {
        throw backupFault(
          "The backups would be in the bucket of the photos, and be lost with it; name another bucket.",
        );
      }
      return prepareBackupBucket(bucket, expected);
    },
  };
}
