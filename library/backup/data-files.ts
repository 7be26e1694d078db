import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { BackupDraft } from "#media/backup/draft";
import type { BackupFile } from "#media/backup/manifest";
import { dataFiles } from "#media/backup/names";
import type { BackupReader } from "#media/backup/reader";
import { isMissing, placeFile } from "#media/storage/durable";

export async function copyDataFiles(dataDir: string, draft: BackupDraft): Promise<BackupFile[]> {
  const copied: BackupFile[] = [];
  for (const name of dataFiles) {
    const content = await readFile(join(dataDir, name)).catch((error: unknown) => {
      if (isMissing(error)) return undefined;
      throw error;
    });
    if (content) copied.push(await draft.write(name, content));
  }
  return copied;
}

export async function restoreDataFiles(dataDir: string, reader: BackupReader): Promise<void> {
  for (const file of reader.manifest.dataFiles) {
    if (!dataFiles.includes(file.name)) continue;
    const unfinished = join(dataDir, `.${file.name}.part`);
    await writeFile(unfinished, await reader.read(file), { mode: 0o600 });
    await placeFile(unfinished, join(dataDir, file.name));
  }
}
