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

const backupName = /^\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d-\d{3}Z-[0-9a-f]{8}$/;
const hash = /^[0-9a-f]{64}$/;

/** Sorts by time. */
export function nameBackup(at: Date, id: string): string {
  return `${at.toISOString().replaceAll(/[:.]/g, "-")}-${id.slice(0, 8)}`;
}

export const isBackupName = (name: string) => backupName.test(name);

/** `originals/ab/<sha-256>`: equal bytes are stored once, for all backups of the folder. */
export const originalPath = (sha256: string) =>
  `${originalsFolder}/${sha256.slice(0, 2)}/${sha256}`;

export const isOriginalName = (folder: string, name: string) =>
  hash.test(name) && name.startsWith(folder) && folder.length === 2;
