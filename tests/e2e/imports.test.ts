import { afterAll, beforeEach, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { addPngText } from "#simulators/invokeai/png-text";
import { photoImportId } from "#workflows/photo-import/contract";
import { plain, withIptc } from "#tests/fixtures/pictures";
import { listFiles, listUnfinished } from "#tests/support/library";
import { startGallery } from "#tests/support/running-gallery";
import { mountSmallDisk } from "#tests/support/small-disk";
import { pngOfShade } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const root = await realpath(await mkdtemp(join(tmpdir(), "gallery-import-")));
const disk = await mountSmallDisk(256);
const started = await startGallery({
  env: { IMPORT_ROOTS: `${root}/allowed:/nowhere` },
  dataIn: disk.path,
  timings: { watchPatienceMs: 100 },
});
const { stack, gallery } = started;
let { worker } = started;
let folder: string;
/** Every picture is different: a known one would be a duplicate. */
let shade = 0;

beforeEach(async () => {
  folder = join(root, "allowed", crypto.randomUUID());
  await mkdir(folder, { recursive: true });
});

afterAll(async () => {
  await stack.stop();
  await disk.unmount();
  await rm(root, { recursive: true, force: true });
}, 60_000);

const nextPicture = () => pngOfShade((shade += 1));

async function put(file: string, bytes: Uint8Array | string): Promise<void> {
  await mkdir(join(folder, file, ".."), { recursive: true });
  await writeFile(join(folder, file), bytes);
}

const ended = (id: string) =>
  until(
    "an import that has ended",
    async () => {
      const seen = await gallery.get(`/photos/imports/${id}`);
      return !["pending", "processing"].includes(seen.status) && seen;
    },
    60_000,
  );

async function importFolder(body: object = {}) {
  const { id } = await gallery.post("/photos/import", { path: folder, ...body });
  return ended(id);
}

const refusal = (path: string) =>
  gallery.post("/photos/import", { path }).then(
    () => "accepted",
    (error: Error) => error.message,
  );

test("an import takes pictures, puts those of sub-folders into albums of the same name, and lists everything else with the reason", async () => {
  const known = await nextPicture();
  await put("a.png", await nextPicture());
  await put("b known.png", known);
  await put("sea/one.png", await nextPicture());
  await put("sea/sub/two.png", await nextPicture());
  await put("notes.txt", "no picture");
  await put("empty.jpg", "");
  await put("cut.png", (await nextPicture()).subarray(0, 200));
  await put(".hidden/c.png", await nextPicture());
  await mkdir(join(root, "outside"), { recursive: true });
  await writeFile(join(root, "outside/secret.png"), await nextPicture());
  await symlink(join(root, "outside/secret.png"), join(folder, "link.png"));
  await symlink(join(root, "outside"), join(folder, "linked"));
  await Bun.$`mkfifo ${join(folder, "pipe.png")}`;
  await gallery.upload(known);
  const before = (await readdir(folder, { recursive: true })).toSorted();

  const done = await importFolder({ albums: true });
  expect(done).toMatchObject({
    status: "completed",
    found: 11,
    imported: 3,
    duplicates: 1,
    failed: 7,
  });
  expect(done.errors.map(({ file, code }: { file: string; code: string }) => [file, code])).toEqual(
    [
      [".hidden", "left_out"],
      ["cut.png", "image_rejected"],
      ["empty.jpg", "unsupported_media_type"],
      ["link.png", "left_out"],
      ["linked", "left_out"],
      ["notes.txt", "unsupported_media_type"],
      ["pipe.png", "left_out"],
    ],
  );
  expect(JSON.stringify(done)).not.toContain(root);
  expect((await readdir(folder, { recursive: true })).toSorted()).toEqual(before);

  const again = await importFolder({ albums: true });
  expect(again).toMatchObject({ status: "completed", imported: 0, duplicates: 4, failed: 7 });
  const { items } = await gallery.get("/albums");
  expect(
    items.map((album: { name: string; photo_count: number }) => [album.name, album.photo_count]),
  ).toEqual(
    expect.arrayContaining([
      ["sea", 1],
      ["sub", 1],
    ]),
  );
  expect(items).toHaveLength(2);
}, 120_000);

test("an import for which the disk has no room waits and says so, a watched folder too; it goes on by itself once there is room", async () => {
  for (let at = 0; at < 6; at += 1) await put(`${at}.png`, await nextPicture());
  await disk.fill();
  const ids: string[] = [];
  for (const watch of [false, true]) {
    const { id } = await gallery.post("/photos/import", { path: folder, watch });
    const waiting = await until("an import that waits", async () => {
      const seen = await gallery.get(`/photos/imports/${id}`);
      return seen.progress_message?.includes("no room left for photos") && seen;
    });
    expect(waiting).toMatchObject({ status: "processing", imported: 0, failed: 0 });
    ids.push(id);
  }
  expect(await listUnfinished(stack.dataDir)).toEqual([]);
  await disk.empty();
  for (const id of ids) {
    const done = await until("an import that went on", async () => {
      const seen = await gallery.get(`/photos/imports/${id}`);
      return seen.imported + seen.duplicates === 6 && seen.progress_message === undefined && seen;
    });
    expect(done.failed).toBe(0);
  }
  await gallery.post(`/photos/imports/${ids[1]}/cancel`);
}, 120_000);

test("a path outside the roots is refused without being quoted: next to a root, above it, through a link, with dots", async () => {
  await mkdir(join(root, "allowed-too"), { recursive: true });
  await symlink(join(root, "allowed-too"), join(folder, "way-out"));
  for (const path of [
    join(root, "allowed-too"),
    root,
    "/etc",
    "/no/such/place",
    "relative",
    join(folder, "way-out"),
    `${folder}/../../allowed-too`,
    join(root, "allowed-not-there"),
  ]) {
    const answer = await refusal(path);
    expect([path, answer.includes(": 403 ")]).toEqual([path, true]);
    expect(answer).not.toContain(path);
  }
  expect(await refusal(join(folder, "not-there"))).toContain(": 404 ");
});

test("InvokeAI's images folder is imported with its prompts and without its thumbnails", async () => {
  const image = await imageOfInvokeAi();
  await put("outputs/images/x.png", image);
  await put("outputs/images/thumbnails/x.webp", await nextPicture());
  const done = await importFolder();
  expect(done).toMatchObject({ status: "completed", found: 1, imported: 1 });
  const { items } = await gallery.get("/photos?q=lighthouse");
  expect(items[0].generation_metadata).toMatchObject({ prompt: "a red lighthouse", seed: 4711 });
});

test("an import continues after its worker was killed: each file once, no unfinished original", async () => {
  const files = 60;
  for (let at = 0; at < files; at += 1) await put(`${at % 3}/${at}.png`, await nextPicture());
  const before = (await listFiles(stack.dataDir, "uploaded")).length;
  const { id } = await gallery.post("/photos/import", { path: folder });
  for (const settled of [8, 30]) {
    await until(`${settled} files`, async () => {
      return (await gallery.get(`/photos/imports/${id}`)).imported >= settled;
    });
    await worker.kill();
    worker = await stack.startWorker();
  }
  const done = await ended(id);
  expect(done).toMatchObject({
    status: "completed",
    found: files,
    imported: files,
    duplicates: 0,
    failed: 0,
  });
  expect(await listFiles(stack.dataDir, "uploaded")).toHaveLength(before + files);
  // The temporary file of an original is named after its photo; those of thumbnails are left to the sweep.
  const unfinished = await listUnfinished(stack.dataDir);
  expect(unfinished.filter((file) => /[0-9a-f]{12}\.[0-9a-f]{8}-/.test(file))).toEqual([]);
}, 120_000);

test("a cancelled import stops, keeps the imported photos and is marked as cancelled; cancelling an ended import is 409", async () => {
  for (let at = 0; at < 60; at += 1) await put(`${at}.png`, await nextPicture());
  const { id } = await gallery.post("/photos/import", { path: folder });
  await until("a file", async () => (await gallery.get(`/photos/imports/${id}`)).imported > 0);
  await gallery.post(`/photos/imports/${id}/cancel`);
  const done = await ended(id);
  expect(done.status).toBe("cancelled");
  expect(done.imported).toBeLessThan(60);
  const run = stack.temporal.workflow.getHandle(photoImportId(id));
  await until("its run to end", async () => (await run.describe()).status.name === "COMPLETED");
  const { searchAttributes } = await run.describe();
  expect(searchAttributes.GalleryStatus?.[0]).toBe("cancelled");
  const finished = await importFolder();
  const answer = await gallery
    .post(`/photos/imports/${finished.id}/cancel`)
    .catch((error: Error) => error.message);
  expect(answer).toContain(": 409 ");
}, 90_000);

test("two requests for an import with one idempotency key start one import", async () => {
  await put("a.png", await nextPicture());
  const ask = () =>
    gallery.post("/photos/import", { path: folder }, { "idempotency-key": folder.slice(-36) });
  const [first, second] = await Promise.all([ask(), ask()]);
  expect(first.id).toBe(second.id);
  expect((await ended(first.id)).imported).toBe(1);
});

/** A picture with metadata as InvokeAI writes it. */
async function imageOfInvokeAi(): Promise<Uint8Array> {
  const invokeai_metadata = JSON.stringify({
    positive_prompt: "a red lighthouse",
    seed: 4711,
    steps: 20,
    width: 64,
    height: 48,
  });
  return addPngText(await nextPicture(), { invokeai_metadata });
}

test("an imported picture has title and keywords from its file", async () => {
  const title = crypto.randomUUID();
  const bytes = withIptc(await plain(64, 48, "#204060").jpeg().toBuffer(), [
    [5, title],
    [25, "harbour"],
  ]);
  await put("a.jpg", bytes);
  expect(await importFolder()).toMatchObject({ imported: 1, failed: 0 });
  const { items } = await gallery.get(`/photos?q=${title}`);
  expect(items).toMatchObject([{ title, tags: ["harbour"] }]);
}, 60_000);
