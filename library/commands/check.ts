import type { Config } from "#config";
import { createBackupPlaces } from "../backup/places";
import { checkBackup } from "../backup/check";
import type { Command } from "./command";
import { chooseBackup } from "./choose-backup";
import { countOf, readableBytes, showLosses, showMissing, showProgress } from "./output";

/** `./gallery restore --check`: needs neither database nor data folder. */
export async function runCheck(
  { folder, backup }: Extract<Command, { verb: "check" }>,
  config: Config,
): Promise<number> {
  const store = await createBackupPlaces(config).open(folder);
  const reader = await store.read(await chooseBackup(store, backup));
  const { name, createdAt, galleryVersion, tables, originals } = reader.manifest;
  console.log(
    `Checking ${name}, made ${createdAt} by version ${galleryVersion}: ${countOf(tables.length, "table")}, ${countOf(originals.count, "original")} (${readableBytes(originals.bytes)}).`,
  );
  const progress = showProgress("Originals");
  const faults = await checkBackup(store, reader, progress.update).finally(progress.end);
  for (const file of faults.files)
    console.error(`  ${file}  damaged: this backup cannot be restored`);
  showLosses(faults.originals);
  if (faults.files.length + faults.originals.length > 0) return 1;
  console.log("The backup is whole: every hash is right.");
  showMissing(reader.manifest);
  return 0;
}
