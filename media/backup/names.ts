/** What a folder of backups holds, by path. Files with other names belong to somebody else and are never touched. */
export const markerFile = "gallery-backups.json";
export const backupsFolder = "backups";
/** Backups that are being written or deleted, and copies that are not complete. */
export const unfinishedFolder = "unfinished";
export const originalsFolder = "originals";
export const manifestFile = "manifest.json";
/** In the format of `sha256sum`. */
export const manifestSumFile = "manifest.json.sha256";
export const originalsFile = "originals.tsv.gz";
/** The list of originals before they are copied: only in an unfinished backup. */
export const wantedFile = "wanted.tsv";
/**
 * Files of the data folder that are neither photos nor can be made again: the secret of rented pods, without which nobody can
 * log in to InvokeAI on their volumes.
 */
export const dataFiles = ["pod-secret"];
export const tableFile = (table: string) => `${table}.copy.gz`;

const backupName = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z-[0-9a-f]{8}$/;
const hash = /^[0-9a-f]{64}$/;
const part = /^[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}\.part$/;

/** Sorts by time. */
export function nameBackup(at: Date, id: string): string {
  return `${at.toISOString().replaceAll(/[:.]/g, "-")}-${id.slice(0, 8)}`;
}

export const isBackupName = (name: string) => backupName.test(name);

const fixedFiles = new Set([
  manifestFile,
  manifestSumFile,
  originalsFile,
  wantedFile,
  ...dataFiles,
]);

/** Whether a backup writes a file of this name into its folder. */
export const isBackupFile = (name: string) =>
  fixedFiles.has(name) || (name.endsWith(tableFile("")) && !name.includes("/"));

/** A copy of an original that is not complete. */
export const partName = (id: string) => `${id}.part`;
export const isPartName = (name: string) => part.test(name);

/** `originals/ab/<sha-256>`: equal bytes are stored once, for all backups of the folder. */
export const originalPath = (sha256: string) =>
  `${originalsFolder}/${sha256.slice(0, 2)}/${sha256}`;

export const isOriginalName = (folder: string, name: string) =>
  hash.test(name) && name.startsWith(folder) && folder.length === 2;
