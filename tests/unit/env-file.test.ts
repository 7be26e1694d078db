import { expect, test } from "bun:test";
import { copyFile, mkdtemp, readdir, rm, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tmpdir } from "node:os";

const root = join(import.meta.dir, "../..");

/** Runs the shell script in a copy of the project that has a `.env`. */
async function runScript(dotenv: string, ...args: string[]): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), "gallery-env-file-"));
  try {
    const own = (await readdir(root)).filter((name) => name !== "gallery" && !name.startsWith("."));
    for (const name of own) await symlink(join(root, name), join(copy, name));
    await copyFile(join(root, "gallery"), join(copy, "gallery"));
    await writeFile(join(copy, ".env"), dotenv);
    await symlink(process.execPath, join(copy, "bun"));
    const child = Bun.spawn([join(copy, "gallery"), ...args], {
      env: { PATH: `${copy}:/usr/bin:/bin`, HOME: copy },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    });
    const streams = [child.stdout, child.stderr].map((stream) => new Response(stream).text());
    return (await Promise.all(streams)).join("");
  } finally {
    await rm(copy, { recursive: true });
  }
}

test.each(["backup", "restore", "verify", "storage status"])(
  "./gallery %s reads the owner's .env",
  async (command) => {
    const dotenv = "DATABASE_URL=postgres://127.0.0.1:9/gallery\nBACKUP_TO=/nowhere\n";
    expect(await runScript(dotenv, ...command.split(" "))).toContain(
      "The Postgres of DATABASE_URL cannot be used",
    );
  },
);
