import { join } from "node:path";
import { programEnvironment } from "./environment";
import { Refusal } from "./refusal";

/**
 * `./gallery migrate`: applies all migrations to the owner's DATABASE_URL.
 * @returns the exit status
 */
export async function migrate(
  root: string,
  env: Record<string, string | undefined>,
): Promise<number> {
  if (!env["DATABASE_URL"]?.trim()) {
    throw new Refusal(
      "DATABASE_URL is not set. Without it, ./gallery up uses its own database and migrates it at each start.",
    );
  }
  const child = Bun.spawn([process.execPath, "--no-env-file", join(root, "db/migrate.ts")], {
    cwd: root,
    env: programEnvironment("migrate", env),
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const code = await child.exited;
  console.log(code === 0 ? "The database is up to date." : "The database could not be migrated.");
  return code;
}
