import { afterAll, expect, test } from "bun:test";
import { mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createBackupCommands } from "#tests/support/backups";
import { createEmptyDatabase } from "#tests/support/database";
import { createGalleryClient, type GalleryClient } from "#tests/support/gallery";
import { startStack } from "#tests/support/stack";
import { pngOfShade } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const pictures = await realpath(await mkdtemp(join(tmpdir(), "gallery-watched-")));
const watching = { env: { IMPORT_ROOTS: pictures }, timings: { watchPatienceMs: 300 } };
const before = await startStack(watching);
const target = await createEmptyDatabase();
const folders = { data: `${before.dataDir}-restored`, backups: `${before.dataDir}-backups` };
const after = await startStack({
  ...watching,
  env: {
    ...watching.env,
    DATABASE_URL: target.url,
    DATA_DIR: folders.data,
    INVOKEAI_LOCAL_URL: before.invokeai.url,
  },
});

afterAll(async () => {
  await after.stop();
  await before.stop();
  await target.drop();
  for (const folder of [...Object.values(folders), pictures])
    await rm(folder, { recursive: true, force: true });
}, 60_000);

const importIs = (gallery: GalleryClient, id: string, wanted: Record<string, number>) =>
  until(`an import with ${JSON.stringify(wanted)}`, async () => {
    const seen = await gallery.get(`/photos/imports/${id}`);
    return Object.entries(wanted).every(([name, count]) => seen[name] === count);
  });

test("a step that waited at the time of the backup goes on after a restore, and is not generated twice; a watched folder is watched on", async () => {
  const api = await before.startApi();
  const worker = await before.startWorker();
  const gallery = createGalleryClient(api.url);
  const first = await gallery.createSession();
  const done = await gallery.requestStep(first["id"], { parameters: { batch_size: 2, seed: 7 } });
  await gallery.stepIs(done["id"], ["completed"]);
  await gallery.allRetrieved(done["id"], 2);
  await writeFile(join(pictures, "before.png"), await pngOfShade(60_001));
  const watched = await gallery.post("/photos/import", { path: pictures, watch: true });
  await importIs(gallery, watched["id"], { imported: 1 });
  await worker.kill();

  const session = await gallery.createSession();
  const waiting = await gallery.requestStep(session["id"], { parameters: { batch_size: 3 } });
  const commands = createBackupCommands({ url: before.database.url, dataDir: before.dataDir });
  const { backups: folder } = folders;
  const backup = await commands.run({ verb: "backup", folder, keep: null });
  expect(backup).toMatchObject({ code: 0 });
  // The gallery goes on after its backup, and is lost.
  const last = await before.startWorker();
  await gallery.stepIs(waiting["id"], ["completed"]);
  const { enqueues, generated } = await before.invokeai.control.state();
  await Promise.all([last.kill(), api.kill()]);

  const on = { url: target.url, dataDir: folders.data };
  const restore = { verb: "restore", folder, backup: null, acceptsLosses: false } as const;
  expect(await commands.run(restore, on)).toMatchObject({ code: 0 });
  const [restoredApi] = await Promise.all([after.startApi(), after.startWorker()]);
  const restored = createGalleryClient(restoredApi.url);
  await restored.stepIs(waiting["id"], ["completed"]);
  await restored.allRetrieved(waiting["id"], 3);
  expect(await before.invokeai.control.state()).toMatchObject({ enqueues, generated });

  await writeFile(join(pictures, "after.png"), await pngOfShade(60_002));
  await importIs(restored, watched["id"], { imported: 2, duplicates: 0 });

  for (const photo of await restored.photosOf(done["id"])) {
    const answer = await fetch(`${restored.url}/api/v1/photos/${photo["image_id"]}/thumbnail`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/webp"]);
  }
}, 180_000);
