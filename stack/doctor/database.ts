import { countMissingMigrations, findLastMigration } from "#db/migrations";
import type { Database } from "#db/client";
import { readableBytes } from "#library/commands/output";
import { findInstallation, inspectServer } from "#db/queries/installation/inspection";
import { type Check, reasonOf } from "./finding";

const oldestMajor = 14;
const clockToleranceMs = 2_000;

/** Postgres: whether it answers, its version, the schema, its clock. */
export function checkDatabase(database: Database | undefined): Check {
  return {
    part: "database",
    async run({ ok, warning, fault }) {
      if (!database) {
        fault(
          "there is none: neither DATABASE_URL nor a gallery in the data folder",
          "Start one with ./gallery up, name its data folder with --data, or set DATABASE_URL.",
        );
        return;
      }
      const { db } = database;
      const askedAt = Date.now();
      const server = await inspectServer(db).catch((error: unknown) => {
        fault(
          `Postgres does not answer (${reasonOf(error)})`,
          "Start it, or correct DATABASE_URL. With the embedded one: ./gallery up",
        );
      });
      if (!server) return;
      const aheadMs = Math.abs(server.now.getTime() - (askedAt + Date.now()) / 2);
      ok(`Postgres ${server.version} answers, ${readableBytes(server.bytes)}`);
      if (Number.parseInt(server.version, 10) < oldestMajor) {
        fault(`it is older than Postgres ${oldestMajor}`, "Upgrade it.");
      }
      if (server.connections > server.maxConnections * 0.8) {
        warning(
          `${server.connections} of ${server.maxConnections} connections are in use`,
          "Raise max_connections of Postgres.",
        );
      }
      if (aheadMs > clockToleranceMs) {
        warning(
          `its clock differs from this machine's by ${Math.round(aheadMs / 1_000)} s`,
          "Turn on time synchronization on both machines.",
        );
      }
      await checkSchema(database, { ok, fault });
    },
  };
}

type Report = Pick<Parameters<Check["run"]>[0], "ok" | "fault">;

async function checkSchema({ db }: Database, { ok, fault }: Report): Promise<void> {
  const last = await findLastMigration(db);
  const missing = await countMissingMigrations(db).catch(() => undefined);
  if (missing === undefined) {
    return fault(
      "a newer version of the gallery has migrated it",
      "Start the newer version, or restore a backup from before.",
    );
  }
  if (missing > 0) {
    fault(
      `${missing} migration${missing === 1 ? " is" : "s are"} missing`,
      "Run ./gallery migrate; ./gallery up does so when it starts.",
    );
  }
  // Without any migration there is no table to read.
  if (last === 0) return;
  if ((await findInstallation(db))?.restoringBackupId != null) {
    return fault("a restore is not complete", "Run it again: ./gallery restore DIR");
  }
  if (missing === 0) ok("all migrations are applied");
}
