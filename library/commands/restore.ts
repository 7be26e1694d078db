import { createBackupPlaces } from "../backup/places";
import { restore } from "../backup/restore";
import { createStorage } from "../create-storage";
import { chooseBackup } from "./choose-backup";
import type { Command, CommandDeps } from "./command";
import { countOf, showLosses, showMissing, showProgress } from "./output";

/** `./gallery restore DIR`; the exit status is 1 when it is not complete. */
export async function runRestore(
  command: Extract<Command, { verb: "restore" }>,
  { config, database }: CommandDeps,
  signal: AbortSignal,
): Promise<number> {
  const store = await createBackupPlaces(config).open(command.folder);
  const reader = await store.read(await chooseBackup(store, command.backup));
  const { name, createdAt, originals } = reader.manifest;
  console.log(
    `Restoring ${name}, made ${createdAt}, with ${countOf(originals.count, "original")}.`,
  );
  const progress = showProgress("Originals");
  const { lost, isComplete } = await restore(
    {
      database,
      databaseUrl: config.secrets.databaseUrl,
      dataDir: config.dataDir,
      openStorage: () => createStorage(config),
      now: () => new Date(),
    },
    store,
    reader,
    { acceptsLosses: command.acceptsLosses, onProgress: progress.update, signal },
  ).finally(progress.end);
  showLosses(lost);
  if (isComplete) {
    showMissing(reader.manifest);
    console.log("Restored; every hash was compared. Start the gallery as usual.");
    return 0;
  }
  console.error(
    "The restore is not complete, and the gallery does not start on it. Copy these originals into the folder of backups from another copy of it and run the command again, or restore without them: --accept-losses",
  );
  return 1;
}
