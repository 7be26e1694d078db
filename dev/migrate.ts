import { join } from "node:path";
import { Refusal } from "./refusal";

/** `./gallery migrate`: brings the database of the owner's DATABASE_URL up to date. @returns the exit status */
export async function migrate(
  root: string,
  env: Record<string, string | undefined>,
): Promise<number> {
  if (!env["DATABASE_URL"]?.trim()) {
    throw new Refusal(
      "DATABASE_URL is not set. Without one, ./gallery up has a database of its own and migrates it at each start.",
    );
  }
  const child = Bun.spawn([process.execPath, "--no-env-file", join(root, "db/migrate.ts")], {
    cwd: root,
    env,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
  });
  const code = await child.exited;
  console.log(
    code === 0 ? "The database is up to date." : "The database was not brought up to date.",
  );
  return code;
}
