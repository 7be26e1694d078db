import type { Config } from "#config";
import { parseBucketPlace } from "#media/backup/bucket/place";
import type { Bucket } from "./bucket";

/** The bucket of the photos; undefined when they are on a disk. */
export function bucketOfPhotos({ storage, s3, secrets }: Config): Bucket | undefined {
  if (storage !== "s3" || s3 === null || secrets.s3 === null) return undefined;
  const { cacheBytes: _, ...place } = s3;
  return {
    access: { ...place, ...secrets.s3 },
    settings: {
      endpoint: "S3_ENDPOINT",
      region: "S3_REGION",
      bucket: "S3_BUCKET",
      keyId: "S3_ACCESS_KEY_ID",
      secret: "S3_SECRET_ACCESS_KEY",
    },
  };
}

/** The bucket of the nightly backups; undefined when they are in a folder, or not made. */
export function bucketOfBackups({ backup, secrets }: Config): Bucket | undefined {
  const named = backup.folder === null ? undefined : parseBucketPlace(backup.folder);
  if (!named || backup.s3 === null || secrets.backupS3 === null) return undefined;
  return {
    access: { ...backup.s3, ...secrets.backupS3, ...named },
    settings: {
      endpoint: "BACKUP_S3_ENDPOINT",
      region: "BACKUP_S3_REGION",
      bucket: "BACKUP_TO",
      keyId: "BACKUP_S3_ACCESS_KEY_ID",
      secret: "BACKUP_S3_SECRET_ACCESS_KEY",
    },
  };
}
