import { join } from "node:path";
import type { Command } from "#library/commands/command";
import { programEnvironment } from "../environment";
import { withDatabase } from "./database";
import { type LibraryVerb, parseLibraryOptions } from "./options";

/** `./gallery backup`, `restore`, `verify` and `storage`; returns the exit status. */
export async function runLibraryCommand(
  verb: LibraryVerb,
  args: readonly string[],
  env: Record<string, string | undefined>,
  places: { root: string; calledFrom: string },
): Promise<number> {
  const { command, dataDir } = parseLibraryOptions(verb, args, env, places);
  const run = (databaseUrl?: string) =>
    runProgram(places.root, command, {
      ...env,
      DATABASE_URL: databaseUrl,
      DATA_DIR: dataDir,
    });
  if (command.verb === "check") return run();
  const mayRun = command.verb !== "restore";
  return withDatabase({ root: places.root, env, dataDir, mayRun }, run);
}

/** Stops with this program: a signal from the terminal reaches both, any other one is passed on. */
async function runProgram(
  root: string,
  command: Command,
  env: Record<string, string | undefined>,
): Promise<number> {
  const program = [process.execPath, "--no-env-file", join(root, "library/main.ts")];
  const child = Bun.spawn([...program, JSON.stringify(command)], {
    cwd: root,
    env: programEnvironment("library", env),
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const passOn = (signal: NodeJS.Signals) => child.kill(signal);
  const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
  for (const signal of signals) process.on(signal, passOn);
  const code = await child.exited;
  for (const signal of signals) process.off(signal, passOn);
  return code;
}
