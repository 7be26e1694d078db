import { cp, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { runTool } from "./tool";

const migrations = "db/migrations";
const remedy = "run: bunx drizzle-kit generate --config db/drizzle.config.ts --name <what changes>";

/** Verifies that drizzle-kit has nothing to add to a copy of the migrations. */
export async function checkMigrations({
  root,
  env,
}: {
  root: string;
  env: Record<string, string | undefined>;
}): Promise<string | undefined> {
  const folder = await mkdtemp(join(tmpdir(), "photo-gallery-migrations-"));
  try {
    await cp(join(root, migrations), folder, { recursive: true });
    const before = await readdir(folder);
    const options = ["--dialect", "postgresql", "--out", relative(root, folder)];
    const schema = ["--schema", "./db/schema/index.ts"];
    const generated = await runTool(root, ["drizzle-kit", "generate", ...schema, ...options], env);
    const added = (await readdir(folder)).filter((name) => !before.includes(name));
    // drizzle-kit may ask a question (was this column renamed?). Without a terminal it ends without creating a file.
    const isInStep = generated.success && /No schema changes/.test(generated.output);
    if (added.length > 0 || !isInStep) {
      return `db/schema has changed without a migration; ${remedy}\n${generated.output}`;
    }
    const checked = await runTool(root, ["drizzle-kit", "check", ...options], env);
    return checked.success ? undefined : checked.output;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
