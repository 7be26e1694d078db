import { chmod, readdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { flush, isMissing, makeFolder, placeFile } from "../storage/durable";
import { type BackupDraft, createDraft } from "./draft";
import { backupFault } from "./faults";
import {
  backupsFolder,
  isBackupFile,
  isBackupName,
  isPartName,
  markerFile,
  unfinishedFolder,
} from "./names";
import { createStoredOriginals, openFile, type StoredOriginals } from "./originals";
import { type BackupReader, readBackup } from "./reader";
import { removeBackupFiles } from "./remove-files";

/** A place of backups of one installation: a folder, or a prefix in a bucket. */
export type BackupStore = {
  originals: StoredOriginals;
  begin(name: string): Promise<BackupDraft>;
  /** The names of finished backups, oldest first. */
  list(): Promise<string[]>;
  read(name: string): Promise<BackupReader>;
  /** Deletes a backup, without its originals. */
  remove(name: string): Promise<void>;
  /** Deletes what died backups left. Only under the lock of backups. */
  clean(): Promise<void>;
};

/** Opens a folder of backups for reading. @throws AppError when it is none */
export async function openBackupStore(root: string): Promise<BackupStore> {
  if ((await readMarker(root)) === undefined) {
    throw backupFault(
      "The folder holds no backups of a gallery. Is its volume mounted, and its name right?",
    );
  }
  return createStore(root);
}

/**
 * Opens a folder for backups of this installation; an empty one becomes such a folder.
 * @param expectsBackups whether backups were written to it: an empty folder is then a volume that is not mounted
 */
export async function prepareBackupStore(
  root: string,
  { installationId, expectsBackups }: { installationId: string; expectsBackups: boolean },
): Promise<BackupStore> {
  const owner = await readMarker(root);
  if (owner !== undefined && owner !== installationId) {
    throw backupFault("The folder holds backups of another gallery; name another folder.");
  }
  if (owner === undefined) {
    if (expectsBackups) {
      throw backupFault("The folder of backups has lost its backups. Is its volume mounted?");
    }
    await claim(root, installationId);
  }
  await makeFolder(join(root, unfinishedFolder));
  return createStore(root);
}

function createStore(root: string): BackupStore {
  return {
    originals: createStoredOriginals(root),
    read: (name) => readBackup(name, (file) => openFile(join(root, backupsFolder, name, file))),

    begin(name) {
      const folder = join(root, unfinishedFolder, name);
      return createDraft(folder, {
        async publish() {
          await makeFolder(join(root, backupsFolder));
          await rename(folder, join(root, backupsFolder, name));
          await flush(join(root, backupsFolder));
          await flush(root);
        },
        discard: async () => void (await removeBackupFiles(folder)),
      });
    },

    async list() {
      const names = await namesIn(join(root, backupsFolder));
      const found: string[] = [];
      for (const name of names.filter(isBackupName)) {
        // Also one that has lost its manifest: its originals are not to be deleted as those of none.
        if ((await namesIn(join(root, backupsFolder, name))).some(isBackupFile)) found.push(name);
      }
      return found.toSorted();
    },

    async remove(name) {
      // Renamed first: half a backup must not look like one.
      const gone = join(root, unfinishedFolder, name);
      const folder = join(root, backupsFolder, name);
      await rename(folder, gone);
      // Somebody else's files in it stay where they were.
      if (!(await removeBackupFiles(gone))) await rename(gone, folder);
    },

    async clean() {
      const entries = await readdir(join(root, unfinishedFolder), { withFileTypes: true });
      for (const entry of entries) {
        const path = join(root, unfinishedFolder, entry.name);
        if (entry.isDirectory() && isBackupName(entry.name)) await removeBackupFiles(path);
        if (entry.isFile() && isPartName(entry.name)) await rm(path);
      }
    },
  };
}

/** Nothing for a folder that is missing, or for a file of its name. */
async function namesIn(folder: string): Promise<string[]> {
  return readdir(folder).catch((error: NodeJS.ErrnoException) => {
    if (isMissing(error) || error.code === "ENOTDIR") return [];
    throw error;
  });
}

/** The installation whose backups the folder holds; undefined without a marker. */
async function readMarker(root: string): Promise<string | undefined> {
  try {
    return markerOf(await readFile(join(root, markerFile), "utf8"));
  } catch (error) {
    if (isMissing(error) || (error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** The marker of a place of backups. */
export const markerText = (installationId: string) =>
  `${JSON.stringify({ format: 1, installation_id: installationId })}\n`;

export const markerOf = (text: string) =>
  (JSON.parse(text) as { installation_id: string }).installation_id;

async function claim(root: string, installationId: string): Promise<void> {
  await makeFolder(root);
  const others = (await readdir(root)).filter(
    (name) => name !== "lost+found" && !name.startsWith(`${markerFile}.`),
  );
  if (others.length > 0) {
    throw backupFault("The folder is not empty and holds no backups; name an empty or a new one.");
  }
  // A backup holds everything that the gallery knows, its secrets included.
  await chmod(root, 0o700);
  const unfinished = join(root, `${markerFile}.${crypto.randomUUID()}`);
  await writeFile(unfinished, markerText(installationId));
  await placeFile(unfinished, join(root, markerFile));
}
