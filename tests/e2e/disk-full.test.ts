import { afterAll, expect, test } from "bun:test";
import { readdir } from "node:fs/promises";
import { join } from "node:path";
import { photos } from "#db/schema/photos";
import { painted } from "#tests/fixtures/pictures";
import { smallPng } from "#tests/support/png";
import type { TestProcess } from "#tests/support/process";
import { startGallery } from "#tests/support/running-gallery";
import { until } from "#tests/support/wait";

const { stack, api, worker, gallery } = await startGallery();

afterAll(() => stack.stop(), 30_000);

/** Limits the size of files that a process writes; beyond it writes fail, as with an exceeded quota. */
function limitFiles({ pid }: TestProcess, bytes: number | "unlimited"): void {
  const { success, stderr } = Bun.spawnSync([
    "prlimit",
    `--pid=${pid}`,
    `--fsize=${bytes}:unlimited`,
  ]);
  if (!success) throw new Error(stderr.toString());
}

const filesOf = async (folder: string) =>
  (await readdir(join(stack.dataDir, folder), { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && entry.name !== ".installation")
    .map(({ name }) => name)
    .toSorted();

test("an image that does not fit on the disk waits and says so; no attempt is counted, and it is fetched when there is space", async () => {
  limitFiles(worker, 1_000);
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session["id"], { parameters: { batch_size: 1 } });
  const waiting = await until("an image that waits for disk space", async () => {
    const [photo] = await gallery.photosOf(step["id"]);
    return photo?.photo.retrieval_error?.includes("no room left") && photo.photo;
  });
  expect(waiting).toMatchObject({ retrieval_status: "pending", retrieval_attempts: 0 });
  expect(await filesOf("photos/generated")).toEqual([]);
  limitFiles(worker, "unlimited");
  await gallery.stepIs(step["id"], ["completed"]);
  await gallery.allRetrieved(step["id"], 1);
  const [fetched] = await gallery.photosOf(step["id"]);
  expect(fetched?.photo.retrieval_error).toBeUndefined();
}, 90_000);

test("an upload that does not fit on the disk is 507 and leaves no file and no row; existing photos are served", async () => {
  const { id } = await gallery.upload(await smallPng());
  const { db } = stack.database;
  const [rows, files] = [await db.$count(photos), await filesOf("photos")];
  limitFiles(api, 1_000);
  const refused = await gallery
    .upload(await painted(600, 400).png().toBuffer())
    .catch((error: Error) => error.message);
  expect(refused).toContain("507");
  expect(refused).toContain("storage_error");
  const original = await fetch(`${gallery.url}/api/v1/photos/${id}/preview`);
  expect((await original.arrayBuffer()).byteLength).toBeGreaterThan(0);
  expect([await db.$count(photos), await filesOf("photos")]).toEqual([rows, files]);
  limitFiles(api, "unlimited");
  await gallery.upload(await painted(600, 400).png().toBuffer());
}, 60_000);
