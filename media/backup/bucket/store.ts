import { mkdtemp, readdir } from "node:fs/promises";
import { join } from "node:path";
import { sha256Of } from "#sha256";
import { isMissing, makeFolder } from "../../storage/durable";
import type { ObjectStore } from "../../storage/s3/object-store";
import { trialFolder } from "../../storage/s3/trial";
import { createDraft } from "../draft";
import { backupFault } from "../faults";
import { backupsFolder, isBackupFile, isBackupName, manifestFile, markerFile } from "../names";
import { readBackup } from "../reader";
import { removeBackupFiles, removeIfEmpty } from "../remove-files";
import { type BackupStore, markerOf, markerText } from "../store";
import { type BackupObjects, createBackupObjects } from "./objects";
import { createBucketOriginals } from "./originals";

const scratchPrefix = "backup-";

type Bucket = Readonly<{
  store: ObjectStore;
  /** Where the files of a backup are written before they are sent; a folder that only the owner may read. */
  scratch: string;
}>;

/** Opens the backups in a bucket for reading. @throws AppError when there are none */
export async function openBackupBucket(bucket: Bucket): Promise<BackupStore> {
  const objects = createBackupObjects(bucket.store);
  if ((await readMarker(objects)) === undefined) {
    throw backupFault(
      "The bucket holds no backups of a gallery at this prefix. Are its name and BACKUP_S3_ENDPOINT right?",
    );
  }
  return createBucketStore(objects, bucket.scratch);
}

/**
 * Opens a bucket for backups of this installation; an empty prefix becomes a place of backups.
 * @param expectsBackups whether backups were written to it: an empty one has then lost them
 */
export async function prepareBackupBucket(
  bucket: Bucket,
  { installationId, expectsBackups }: { installationId: string; expectsBackups: boolean },
): Promise<BackupStore> {
  const objects = createBackupObjects(bucket.store);
  const owner = await readMarker(objects);
  if (owner !== undefined && owner !== installationId) {
    throw backupFault("The bucket holds backups of another gallery; name another prefix.");
  }
  if (owner === undefined) {
    if (expectsBackups) throw backupFault("The bucket of backups has lost its backups.");
    for await (const key of objects.list("")) {
      if (key.startsWith(trialFolder)) continue;
      throw backupFault(
        "The prefix in the bucket is not empty and holds no backups; name an empty or a new one.",
      );
    }
    const text = markerText(installationId);
    const sha256 = sha256Of(text);
    await objects.store(markerFile, new Blob([text]), sha256);
  }
  return createBucketStore(objects, bucket.scratch);
}

function createBucketStore(objects: BackupObjects, scratch: string): BackupStore {
  const keyOf = (name: string, file: string) => `${backupsFolder}/${name}/${file}`;

  /** The files of backups, by the name of their backup. */
  async function listFiles(): Promise<Map<string, string[]>> {
    const found = new Map<string, string[]>();
    for await (const key of objects.list(`${backupsFolder}/`)) {
      const [, name = "", ...rest] = key.split("/");
      const file = rest.join("/");
      if (isBackupName(name) && isBackupFile(file)) {
        found.set(name, [...(found.get(name) ?? []), file]);
      }
    }
    return found;
  }

  return {
    originals: createBucketOriginals(objects),
    read: (name) => readBackup(name, (file) => objects.open(keyOf(name, file))),

    async begin(name) {
      await makeFolder(scratch);
      // Readable by this user only, as `mkdtemp` makes it.
      const folder = await mkdtemp(join(scratch, scratchPrefix));
      return createDraft(folder, {
        // The manifest comes last, and makes it a backup.
        async publish(files) {
          for (const { name: file, sha256 } of files) {
            await objects.store(keyOf(name, file), Bun.file(join(folder, file)), sha256);
          }
          await removeBackupFiles(folder);
        },
        discard: async () => void (await removeBackupFiles(folder)),
      });
    },

    async list() {
      const names = [...(await listFiles())].filter(([, files]) => files.includes(manifestFile));
      return names.map(([name]) => name).toSorted();
    },

    async remove(name) {
      // First: half a backup must not look like one.
      await objects.remove(keyOf(name, manifestFile));
      for (const file of (await listFiles()).get(name) ?? []) {
        await objects.remove(keyOf(name, file));
      }
    },

    async clean() {
      for (const [name, files] of await listFiles()) {
        if (files.includes(manifestFile)) continue;
        for (const file of files) await objects.remove(keyOf(name, file));
      }
      for (const folder of await draftsIn(scratch)) await removeBackupFiles(folder);
      await removeIfEmpty(scratch);
    },
  };
}

async function draftsIn(scratch: string): Promise<string[]> {
  const entries = await readdir(scratch, { withFileTypes: true }).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw error;
  });
  return entries
    .filter((entry) => entry.isDirectory() && entry.name.startsWith(scratchPrefix))
    .map(({ name }) => join(scratch, name));
}

async function readMarker(objects: BackupObjects): Promise<string | undefined> {
  const content = await objects.open(markerFile);
  return content && markerOf(Buffer.concat(await Array.fromAsync(content)).toString());
}
