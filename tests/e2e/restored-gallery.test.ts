import { afterAll, expect, test } from "bun:test";
import { rm } from "node:fs/promises";
import { createBackupCommands } from "#tests/support/backups";
import { createEmptyDatabase } from "#tests/support/database";
import { createGalleryClient } from "#tests/support/gallery";
import { startStack } from "#tests/support/stack";

const before = await startStack();
const target = await createEmptyDatabase();
const folders = { data: `${before.dataDir}-restored`, backups: `${before.dataDir}-backups` };
const after = await startStack({
  env: {
    DATABASE_URL: target.url,
    DATA_DIR: folders.data,
    INVOKEAI_LOCAL_URL: before.invokeai.url,
  },
});

afterAll(async () => {
  await after.stop();
  await before.stop();
  await target.drop();
  for (const folder of Object.values(folders)) await rm(folder, { recursive: true, force: true });
}, 60_000);

test("a step that waited at the time of the backup goes on after a restore, and is not generated twice", async () => {
  const api = await before.startApi();
  const worker = await before.startWorker();
  const gallery = createGalleryClient(api.url);
  const first = await gallery.createSession();
  const done = await gallery.requestStep(first["id"], { parameters: { batch_size: 2, seed: 7 } });
  await gallery.stepIs(done["id"], ["completed"]);
  await gallery.allRetrieved(done["id"], 2);
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

  for (const photo of await restored.photosOf(done["id"])) {
    const answer = await fetch(`${restored.url}/api/v1/photos/${photo["image_id"]}/thumbnail`);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/webp"]);
  }
}, 180_000);
