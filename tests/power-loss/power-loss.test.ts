import { cp, mkdir, mkdtemp, readdir, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { afterAll, describe, expect, test } from "bun:test";
import { eq } from "drizzle-orm";
import { backups } from "#db/schema/backups";
import { events } from "#db/schema/events";
import { type Photo, photos } from "#db/schema/photos";
import { originalKey, previewKey, thumbnailKey } from "#media/storage/keys";
import { sha256Of } from "#sha256";
import { painted } from "#tests/fixtures/pictures";
import { copyWithDefect, type DefectName } from "#tests/schedules/planted-defects";
import { createLibraryBench, manifestOf } from "#tests/support/backups";
import { createGalleryClient } from "#tests/support/gallery";
import { startProcess } from "#tests/support/process";
import { isPolling, startStack } from "#tests/support/stack";
import { until } from "#tests/support/wait";
import { replay } from "./disk-model";
import { parseCalls, traceTo } from "./system-calls";

const root = new URL("../../", import.meta.url).pathname;
const scratch = await mkdtemp(join(tmpdir(), "gallery-power-"));
afterAll(() => rm(scratch, { recursive: true, force: true }));

/** Uploads and generates with api and worker under strace, from these sources, then kills both. */
async function runGallery(sources = root) {
  const stack = await startStack();
  const logs = ["api", "worker"].map((name) => join(scratch, `${crypto.randomUUID()}.${name}`));
  const [api, worker] = (["api", "worker"] as const).map((name, index) =>
    startProcess(`tests/support/processes/${name}.ts`, stack.env, sources, traceTo(logs[index]!)),
  ) as [ReturnType<typeof startProcess>, ReturnType<typeof startProcess>];
  try {
    const url = await until("an api", () => /"url":"([^"]+)"/.exec(api.output())?.[1], 120_000);
    await until("a worker", () => isPolling(worker), 120_000, worker.output);
    const gallery = createGalleryClient(url);
    const session = await gallery.createSession();
    const step = await gallery.requestStep(session.id);
    await Promise.all(
      Array.from({ length: 30 }, async (_, index) =>
        gallery.upload(
          await painted(200 + index, 150)
            .png()
            .toBuffer(),
        ),
      ),
    );
    await gallery.allRetrieved(step.id, 4, 120_000);
    await Promise.all([api.kill(), worker.kill()]);
    const calls = (await Promise.all(logs.map((log) => readFile(log, "utf8")))).flatMap(parseCalls);
    return { stack, calls, acknowledged: await acknowledgedBy(stack) };
  } catch (error) {
    await Promise.all([api.kill(), worker.kill()]);
    await stack.stop();
    throw error;
  }
}

type Acknowledged = { photo: Photo; /** In seconds. */ at: number };

/** Each photo with the moment before its row was written: from then on it may be known to somebody. */
async function acknowledgedBy({
  database: { db },
}: Awaited<ReturnType<typeof startStack>>): Promise<Acknowledged[]> {
  const fetched = await db.select().from(events).where(eq(events.type, "photo.retrieved"));
  const retrievedAt = new Map(fetched.map(({ data, createdAt }) => [data["photo_id"], createdAt]));
  const rows = await db.select().from(photos).where(eq(photos.retrievalStatus, "completed"));
  return rows.map((photo) => {
    const at = retrievedAt.get(photo.id) ?? photo.createdAt;
    // Times in rows are rounded to milliseconds.
    return { photo, at: (at.getTime() + 1) / 1_000 };
  });
}

const originalOf = ({ id, kind, mimeType }: Photo) =>
  originalKey({ id, kind, mimeType: mimeType! });
const filesOf = (photo: Photo) => [originalOf(photo), previewKey(photo.id), thumbnailKey(photo.id)];

/** What a power cut, at any moment since a photo was acknowledged, would have taken of it. */
function lossesOf(
  dataDir: string,
  calls: ReturnType<typeof parseCalls>,
  acknowledged: Acknowledged[],
) {
  const losses = new Set<string>();
  const waiting = acknowledged.toSorted((a, b) => a.at - b.at);
  let known = 0;
  replay(dataDir, calls, (model, time) => {
    while ((waiting[known]?.at ?? Infinity) < time) known += 1;
    for (const { photo } of waiting.slice(0, known)) {
      for (const key of filesOf(photo)) {
        const state = model.stateOf(join(dataDir, key));
        if (state !== "whole") losses.add(`${key}: ${state}`);
      }
    }
  });
  return [...losses];
}

async function filesBelow(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  const found = await Promise.all(
    names.map(async (name) =>
      (await stat(join(folder, name))).isFile() ? [join(folder, name)] : [],
    ),
  );
  return found.flat().toSorted();
}

describe("a power cut", () => {
  test("at any moment loses no photo that was uploaded or generated; the gallery starts on what is left", async () => {
    const { stack, calls, acknowledged } = await runGallery();
    const { dataDir } = stack;
    try {
      expect(acknowledged).toHaveLength(34);
      const end = replay(dataDir, calls);
      // The trace is complete: it leads to the files that are there.
      const photosOnly = (paths: string[]) =>
        paths.filter((path) => path.startsWith(join(dataDir, "photos/")));
      expect(photosOnly(end.files("entries"))).toEqual(photosOnly(await filesBelow(dataDir)));
      expect(lossesOf(dataDir, calls, acknowledged)).toEqual([]);

      const left = join(scratch, "left");
      for (const path of end.files("durable")) {
        if (end.stateOf(path) !== "whole") continue;
        const to = join(left, relative(dataDir, path));
        await mkdir(dirname(to), { recursive: true });
        await cp(path, to);
      }
      const api = startProcess("tests/support/processes/api.ts", { ...stack.env, DATA_DIR: left });
      const url = await until("an api", () => /"url":"([^"]+)"/.exec(api.output())?.[1], 60_000);
      for (const { photo } of acknowledged) {
        const response = await fetch(`${url}/api/v1/photos/${photo.id}`, {
          headers: { accept: "image/*" },
        });
        const hash = sha256Of(await response.bytes());
        expect(hash).toBe(photo.contentHash!);
      }
      await api.kill();
    } finally {
      await stack.stop();
    }
  }, 300_000);

  test("loses no photo in a folder that another process has made and did not flush before it died", async () => {
    const dataDir = await mkdtemp(join(scratch, "made-"));
    const log = `${dataDir}.log`;
    const key = originalKey({ kind: "uploaded", id: crypto.randomUUID(), mimeType: "image/png" });
    const program = `
      import { mkdirSync } from "node:fs";
      import { createDiskStorage } from "#media/storage/disk";
      const [dataDir, key] = process.argv.slice(-2);
      const storage = createDiskStorage({ dataDir });
      await storage.writeMarker("id");
      await storage.writeMarker("id", "photos/uploaded");
      storage.requireMarkers("id");
      await (await storage.stage("uploaded")).abort();
      mkdirSync(dataDir + "/" + key.slice(0, key.lastIndexOf("/")));
      await storage.put(key, new Uint8Array(5_000));
      process.exit(0);`;
    const running = Bun.spawn(
      [...traceTo(log), process.execPath, "--no-env-file", "-e", program, dataDir, key],
      { cwd: root, stderr: "inherit" },
    );
    expect(await running.exited).toBe(0);
    const model = replay(dataDir, parseCalls(await readFile(log, "utf8")));
    expect(model.stateOf(join(dataDir, key))).toBe("whole");
  }, 60_000);

  test("leaves a backup that is whole, or none", async () => {
    const bench = await createLibraryBench();
    try {
      for (let count = 0; count < 20; count += 1) await bench.storePhoto();
      const folder = bench.path("backups");
      await mkdir(folder);
      const log = join(scratch, "backup.log");
      const command = { verb: "backup", folder, keep: null } as const;
      const { code, output } = await bench.run(command, undefined, traceTo(log));
      expect([code, output]).toEqual([0, expect.any(String)]);
      const manifest = await manifestOf(folder);
      const inBackup = (name: string) => join(folder, "backups", manifest.name, name);
      const files = await filesBelow(folder);
      const [row] = await bench.database.db.select().from(backups);
      const completedAt = row!.endedAt!.getTime() / 1_000;
      let wasThere = false;
      const model = replay(folder, parseCalls(await readFile(log, "utf8")), (now, time) => {
        const isThere = now.stateOf(inBackup("manifest.json")) !== "name lost";
        wasThere ||= isThere;
        if (time > completedAt) expect(isThere).toBe(true);
        if (!isThere) return;
        expect(files.filter((path) => now.stateOf(path) !== "whole")).toEqual([]);
      });
      expect(wasThere).toBe(true);
      expect(model.files("entries")).toEqual(files);
    } finally {
      await bench.close();
    }
  }, 120_000);

  test.each([
    ["no-file-flush", "bytes lost"],
    ["no-folder-flush", "name lost"],
  ] as [DefectName, string][])(
    "is found to lose photos by the planted defect %s",
    async (defect, loss) => {
      const sources = await copyWithDefect(defect, join(scratch, defect));
      const { stack, calls, acknowledged } = await runGallery(sources);
      const losses = lossesOf(stack.dataDir, calls, acknowledged);
      await stack.stop();
      expect(losses.filter((each) => each.endsWith(loss)).length).toBeGreaterThan(10);
    },
    300_000,
  );
});
