import type { BackupReader } from "#media/backup/reader";
import type { BackupStore } from "#media/backup/store";

export type BackupFaults = {
  /** Files of the backup itself; without one of them nothing can be restored. */
  files: string[];
  /** Originals that are lost or damaged. */
  originals: { photoId: string; fault: "missing" | "damaged" }[];
};

/** Reads everything that a backup names and compares it with its hash; changes nothing. */
export async function checkBackup(
  store: BackupStore,
  reader: BackupReader,
  onProgress: (done: number, total: number) => void,
): Promise<BackupFaults> {
  const { manifest } = reader;
  const faults: BackupFaults = { files: await findDamagedFiles(reader), originals: [] };
  if (faults.files.includes(manifest.originals.file.name)) return faults;
  let done = 0;
  for await (const { photoId, sha256, bytes } of reader.originals()) {
    const found = await store.originals.sum(sha256);
    if (found?.sha256 !== sha256 || found.bytes !== bytes) {
      faults.originals.push({ photoId, fault: found === undefined ? "missing" : "damaged" });
    }
    onProgress((done += 1), manifest.originals.count);
  }
  return faults;
}

/** The names of files that are not as the manifest says. */
export async function findDamagedFiles(reader: BackupReader): Promise<string[]> {
  const { tables, originals, dataFiles } = reader.manifest;
  const damaged: string[] = [];
  for (const file of [...tables.map((table) => table.file), originals.file, ...dataFiles]) {
    if (!(await reader.isIntact(file))) damaged.push(file.name);
  }
  return damaged;
}
