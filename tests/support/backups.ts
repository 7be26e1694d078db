import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { desc } from "drizzle-orm";
import type { Database } from "#db/client";
import { backups } from "#db/schema/backups";
import type { Command } from "#library/commands/command";
import { openLibrary } from "#library/open";
import type { Manifest } from "#media/backup/manifest";
import { originalKey } from "#media/storage/keys";
import type { NewPhoto, Photo } from "#db/schema/photos";
import { loadConfig } from "#config";
import { sha256Of } from "#sha256";
import { createEmptyDatabase, createTestDatabase } from "./database";
import { insertPhoto } from "./rows";

const root = new URL("../../", import.meta.url).pathname;

/** `env`: further settings. */
type Place = { url: string; dataDir: string; env?: Record<string, string> };

/** `./gallery backup`, `restore` and `verify` as processes, by default on one gallery. */
export function createBackupCommands(usual: Place) {
  const started: Bun.Subprocess[] = [];

  /** `under`: a command that starts it. */
  function start(command: Command, on: Place = usual, under: readonly string[] = []) {
    const child = Bun.spawn(
      [
        ...under,
        process.execPath,
        "--no-env-file",
        join(root, "library/main.ts"),
        JSON.stringify(command),
      ],
      {
        cwd: root,
        env: { PATH: process.env.PATH, DATABASE_URL: on.url, DATA_DIR: on.dataDir, ...on.env },
        stdin: "ignore",
        stdout: "pipe",
        stderr: "pipe",
      },
    );
    started.push(child);
    const output = Promise.all(
      [child.stdout, child.stderr].map((stream) => new Response(stream).text()),
    ).then((texts) => texts.join(""));
    const ended = async () => ({ code: await child.exited, output: await output });
    return { child, ended };
  }

  return {
    start,
    run: (command: Command, on?: Place, under?: readonly string[]) =>
      start(command, on, under).ended(),
    killAll(): void {
      for (const child of started) if (child.exitCode === null) child.kill("SIGKILL");
    },
  };
}

/** A library with its own database and data folder, and the commands that run on it. `env`: further settings. */
export async function createLibraryBench(env: Record<string, string> = {}) {
  const database = await createTestDatabase();
  const scratch = await mkdtemp(join(tmpdir(), "gallery-backup-"));
  const dataDir = join(scratch, "data");
  const config = loadConfig({ DATABASE_URL: database.url, DATA_DIR: dataDir, ...env });
  const { storage, installation } = await openLibrary(database.db, config);
  const newDataDir = () => join(scratch, `target-${crypto.randomUUID()}`);
  const commands = createBackupCommands({ url: database.url, dataDir, env });

  return {
    database,
    storage,
    dataDir,
    installation,
    start: commands.start,
    run: commands.run,
    /** The path of something new in the bench's folder. */
    path: (name: string) => join(scratch, name),
    /** Stores a photo whose original has these bytes. */
    async storePhoto(
      bytes: Uint8Array = crypto.getRandomValues(new Uint8Array(2_000)),
      overrides: Partial<NewPhoto> = {},
    ): Promise<Photo> {
      const contentHash = sha256Of(bytes);
      const photo = await insertPhoto(database.db, {
        fileSize: bytes.byteLength,
        contentHash,
        ...overrides,
      });
      await storage.put(keyOf(photo), bytes);
      return photo;
    },
    originalOf: (photo: Photo, folder = dataDir) => join(folder, keyOf(photo)),
    /** To restore into: an empty database, and a data folder that does not exist yet. */
    newTarget: async (): Promise<Target> => ({
      ...(await createEmptyDatabase()),
      dataDir: newDataDir(),
    }),
    /** A gallery that was never used, with the rows that every new one has. */
    async newUnusedTarget(): Promise<Target> {
      const target = { ...(await createTestDatabase()), dataDir: newDataDir() };
      await openLibrary(target.db, configOf(target));
      return target;
    },
    async close(): Promise<void> {
      commands.killAll();
      await database.drop();
      await rm(scratch, { recursive: true, force: true });
    },
  };
}

export type Target = Database & { url: string; dataDir: string; drop: () => Promise<void> };

export const configOf = ({ url, dataDir }: Pick<Target, "url" | "dataDir">) =>
  loadConfig({ DATABASE_URL: url, DATA_DIR: dataDir });

/** The row of the newest backup. */
export async function lastBackup({ db }: Pick<Database, "db">) {
  const [row] = await db.select().from(backups).orderBy(desc(backups.startedAt)).limit(1);
  return row;
}

export type LibraryBench = Awaited<ReturnType<typeof createLibraryBench>>;

const keyOf = ({ id, kind, mimeType }: Photo) => originalKey({ id, kind, mimeType: mimeType! });

/** The names of finished backups, oldest first. */
export const backupsIn = async (folder: string): Promise<string[]> =>
  (await readdir(join(folder, "backups")).catch(() => [] as string[])).toSorted();

export async function manifestOf(folder: string, name?: string): Promise<Manifest> {
  const chosen = name ?? (await backupsIn(folder)).at(-1) ?? "none";
  return JSON.parse(await readFile(join(folder, "backups", chosen, "manifest.json"), "utf8"));
}

/** Writes a changed manifest with its right hash, as another program's backup would have it. */
export async function rewriteManifest(
  folder: string,
  change: (manifest: Manifest) => void,
): Promise<void> {
  const manifest = await manifestOf(folder);
  change(manifest);
  const text = JSON.stringify(manifest);
  const path = join(folder, "backups", manifest.name, "manifest.json");
  await writeFile(path, text);
  const sha256 = sha256Of(text);
  await writeFile(`${path}.sha256`, `${sha256}  manifest.json\n`);
}

/** The hashes of the originals in a folder of backups. */
export const storedIn = async (folder: string): Promise<string[]> =>
  (await readdir(join(folder, "originals"), { recursive: true }).catch(() => []))
    .filter((name) => name.length > 60)
    .map((name) => name.slice(-64))
    .toSorted();

export const storedPath = (folder: string, photo: Photo) =>
  join(folder, "originals", photo.contentHash!.slice(0, 2), photo.contentHash!);
