import type { BackupStore } from "#media/backup/store";
import { createBackupPlaces } from "../backup/places";
import { type FaultyOriginal, verifyAll } from "../integrity/verify";
import { openLibrary } from "../open";
import type { Command, CommandDeps } from "./command";
import { countOf, showProgress } from "./output";

/** `./gallery verify`: the exit status is 1 while an original is lost or damaged. */
export async function runVerify(
  { folder, repairs }: Extract<Command, { verb: "verify" }>,
  { config, database }: CommandDeps,
  signal: AbortSignal,
): Promise<number> {
  const { storage } = await openLibrary(database.db, config);
  const backups: BackupStore | null =
    folder === null ? null : await createBackupPlaces(config).open(folder);
  const progress = showProgress("Originals");
  const { checked, faulty } = await verifyAll(
    { database, storage, now: () => new Date(), backups, onProgress: progress.update, signal },
    { repairs },
  ).finally(progress.end);
  for (const original of faulty) console.error(describe(original));
  const left = faulty.filter(({ isRepaired }) => !isRepaired);
  console.log(
    `${countOf(checked, "original")} compared with their hashes: ${checked - left.length} intact${faulty.length > left.length ? ` (${faulty.length - left.length} put back from a backup)` : ""}, ${left.length} lost or damaged.`,
  );
  if (!repairs && left.some(({ isInBackup }) => isInBackup)) {
    console.log("Backups have the right bytes of some: ./gallery verify --repair puts them back.");
  }
  return left.length === 0 ? 0 : 1;
}

function describe({ id, filename, fault, isInBackup, isRepaired }: FaultyOriginal): string {
  const remedy = isRepaired
    ? "put back from a backup"
    : isInBackup
      ? "a backup has it"
      : isInBackup === false
        ? "no backup has it; upload the file again if you have it"
        : "no folder of backups was named";
  return `  ${id}  ${filename}  ${fault}: ${remedy}`;
}
