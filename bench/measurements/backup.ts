import { mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { createDatabase, dropDatabase } from "#stack/postgres-database";
import type { Command } from "#library/commands/command";
import type { MeasureOptions } from "../options";
import { seedOriginals } from "../seed-originals";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const root = new URL("../../", import.meta.url).pathname;
const amount = 50_000;
const bytesEach = 20_000;

/** A backup, the next one, its check, a restore and a verification of a library of small originals. */
export async function measureBackup(
  stack: BenchStack,
  { isShort }: MeasureOptions,
): Promise<Row[]> {
  const photos = isShort ? 500 : amount;
  const dataDir = join(stack.folder, "data");
  const folder = join(stack.folder, "backups");
  await seedOriginals(stack.database, { dataDir, amount: photos, bytesEach });
  const here = { url: stack.databaseUrl, dataDir };
  const target = await createTarget(stack);
  const backup = { verb: "backup", folder, keep: null } as const;
  const restore = { verb: "restore", folder, backup: null, acceptsLosses: false } as const;
  const rows: [string, Command, { url: string; dataDir: string }][] = [
    [`first backup of ${photos} originals of ${bytesEach / 1_000} kB`, backup, here],
    ["… the next one, nothing new", backup, here],
    ["… its check (restore --check)", { verb: "check", folder, backup: null }, here],
    ["… restored into an empty place, every hash compared", restore, target],
    ["… verify: all originals read", { verb: "verify", folder: null, repairs: false }, target],
  ];
  const measured: Row[] = [];
  for (const [what, command, on] of rows) {
    measured.push({ what, ours: await secondsOf(command, on), unit: "s" });
  }
  measured.push({ what: "the tables in the backup", ours: await tableBytes(folder), unit: "MB" });
  await target.drop();
  await rm(folder, { recursive: true });
  return measured;
}

async function createTarget(stack: BenchStack) {
  const url = new URL(stack.databaseUrl);
  url.pathname = `${url.pathname}_restored`;
  const name = url.pathname.slice(1);
  await createDatabase(stack.databaseUrl, name);
  const dataDir = join(stack.folder, "restored");
  await mkdir(dataDir);
  const drop = async () => {
    await rm(dataDir, { recursive: true });
    await dropDatabase(stack.databaseUrl, name);
  };
  return { url: url.href, dataDir, drop };
}

async function secondsOf(command: Command, on: { url: string; dataDir: string }): Promise<number> {
  const startedAt = performance.now();
  const child = Bun.spawn(
    [process.execPath, "--no-env-file", join(root, "library/main.ts"), JSON.stringify(command)],
    {
      cwd: root,
      env: { PATH: process.env["PATH"], DATABASE_URL: on.url, DATA_DIR: on.dataDir },
      stdin: "ignore",
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const output = new Response(child.stderr).text();
  if ((await child.exited) !== 0) throw new Error(`${command.verb} failed: ${await output}`);
  return (performance.now() - startedAt) / 1_000;
}

async function tableBytes(folder: string): Promise<number> {
  let bytes = 0;
  const newest = [...new Bun.Glob("backups/*/manifest.json").scanSync(folder)].toSorted().at(-1);
  if (newest === undefined) throw new Error("there is no backup");
  const files = new Bun.Glob("*").scan(join(folder, newest, ".."));
  for await (const name of files) bytes += Bun.file(join(folder, newest, "..", name)).size;
  return bytes / 1_000_000;
}
