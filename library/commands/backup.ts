import { backUp } from "../backup/back-up";
import { version } from "#version";
import { createBackupPlaces } from "../backup/places";
import { openLibrary } from "../open";
import type { Command, CommandDeps } from "./command";
import { countOf, readableBytes, showProgress } from "./output";

/** `./gallery backup`; the exit status is 1 when originals could not be copied. */
export async function runBackup(
  { folder, keep }: Extract<Command, { verb: "backup" }>,
  { config, database }: CommandDeps,
  signal: AbortSignal,
): Promise<number> {
  const { installation, storage } = await openLibrary(database.db, config);
  const progress = showProgress("Originals");
  const { manifest, removed } = await backUp(
    {
      database,
      storage,
      backups: createBackupPlaces(config),
      databaseUrl: config.secrets.databaseUrl,
      dataDir: config.dataDir,
      installationId: installation.id,
      galleryVersion: version,
      now: () => new Date(),
    },
    { folder, trigger: "manual", keep, onProgress: progress.update, signal },
  ).finally(progress.end);
  const { originals, missing, name } = manifest;
  console.log(
    `Backup ${name}: ${countOf(originals.count, "original")} (${readableBytes(originals.bytes)}), of which ${originals.newCount} new (${readableBytes(originals.newBytes)}). Every byte was read back.`,
  );
  if (removed.length > 0) console.log(`Deleted: ${removed.join(", ")}`);
  if (missing.length === 0) return 0;
  console.error(
    `The originals of ${countOf(missing.length, "photo")} are lost or damaged in the library and in no earlier backup; all others are in the backup:`,
  );
  for (const { id, fault } of missing) console.error(`  ${id}  ${fault}`);
  return 1;
}
