import { ConfigError, environmentOf, loadConfig } from "#config";
import { openDatabase } from "#db/client";
import { AppError } from "#errors";
import { runBackup } from "./commands/backup";
import { runCheck } from "./commands/check";
import type { Command } from "./commands/command";
import { runRestore } from "./commands/restore";
import { runStorage } from "./commands/storage";
import { runVerify } from "./commands/verify";

/** Runs a command; its argument is JSON. */
async function run(command: Command): Promise<number> {
  const env = environmentOf("library", process.env);
  if (command.verb === "check") {
    return runCheck(command, loadConfig({ ...env, DATABASE_URL: "postgres://not-used" }));
  }
  const config = loadConfig(env);
  const database = openDatabase(config.secrets.databaseUrl, {
    maxConnections: 4,
    applicationName: "gallery-command",
  });
  const deps = { config, database };
  const stopping = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT", "SIGHUP"] as const) {
    process.once(signal, () => stopping.abort());
  }
  try {
    if (command.verb === "backup") return await runBackup(command, deps, stopping.signal);
    if (command.verb === "verify") return await runVerify(command, deps, stopping.signal);
    if (command.verb !== "restore") return await runStorage(command, deps);
    return await runRestore(command, deps, stopping.signal);
  } finally {
    await database.close();
  }
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.name === "AbortError") return "stopped";
  if (error instanceof AppError || error instanceof ConfigError) return error.message;
  return error.cause instanceof Error ? `${error.message} (${error.cause.message})` : error.message;
}

try {
  process.exit(await run(JSON.parse(process.argv[2] ?? "{}") as Command));
} catch (error) {
  // One plain line without a stack: most faults are of a disk or a set-up, which the owner can repair.
  console.error(`gallery: ${describe(error)}`);
  process.exit(1);
}
