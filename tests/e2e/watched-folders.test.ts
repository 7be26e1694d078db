import { afterAll, expect, test } from "bun:test";
import { mkdir, mkdtemp, realpath, rename, rm, symlink, utimes, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { photoImportId } from "#workflows/photo-import/contract";
import { startGallery } from "#tests/support/running-gallery";
import { pngOfShade } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

// oxlint-disable-next-line typescript/no-explicit-any -- tests read response bodies as an untyped client does
type Body = any;

const root = await realpath(await mkdtemp(join(tmpdir(), "gallery-watched-")));
const pictures = join(root, "pictures");
await mkdir(pictures);
const { stack, gallery, ...started } = await startGallery({
  env: { IMPORT_ROOTS: pictures },
  timings: { watchPatienceMs: 300, reconcileEveryMs: 2_000 },
});
let { worker } = started;
/** Every picture is different: a known one would be a duplicate. */
let shade = 40_000;

afterAll(async () => {
  await stack.stop();
  await rm(root, { recursive: true, force: true });
}, 60_000);

const nextPicture = () => pngOfShade((shade += 1));

/** A watched folder, with what a test does in it. */
async function watchFolder(more: object = {}) {
  const folder = join(pictures, crypto.randomUUID());
  await mkdir(folder);
  const { id } = await gallery.post("/photos/import", { path: folder, watch: true, ...more });
  const show = (): Promise<Body> => gallery.get(`/photos/imports/${id}`);
  return {
    id,
    folder,
    show,
    put: async (file: string, bytes: Uint8Array | string): Promise<void> => {
      await mkdir(join(folder, file, ".."), { recursive: true });
      await writeFile(join(folder, file), bytes);
    },
    /** Waits until the import has these fields. */
    is: async (wanted: Record<string, unknown>): Promise<Body> => {
      let last: Body;
      const matches = async () => {
        last = await show();
        return Object.entries(wanted).every(([key, value]) => last[key] === value) && last;
      };
      return until(`an import with ${JSON.stringify(wanted)}`, matches, 60_000, () =>
        JSON.stringify(last),
      );
    },
    /** Waits until the whole folder was looked at anew, and no file may still be written. */
    isSettled: async (): Promise<Body> => {
      const after = Date.now();
      return until("a settled folder", async () => {
        const seen = await show();
        return seen.changing === 0 && Date.parse(seen.looked_at) > after && seen;
      });
    },
  };
}

async function remove(photoId: string): Promise<void> {
  for (const path of [`/photos/${photoId}`, `/photos/${photoId}?permanent=true`]) {
    const answer = await fetch(`${gallery.url}/api/v1${path}`, { method: "DELETE" });
    expect([path, answer.ok]).toEqual([path, true]);
  }
}

const photoNamed = async (filename: string): Promise<Body[]> =>
  (await gallery.get("/photos?limit=100")).items.filter((one: Body) => one.filename === filename);

test("what comes into a watched folder is taken once, also while the worker is killed; other files are listed", async () => {
  const { folder, put, show, is, isSettled } = await watchFolder({ albums: true });
  await put("a1.png", await nextPicture());
  await put("sea/a2.png", await nextPicture());
  await put("notes.txt", "no picture");
  await symlink("a1.png", join(folder, "link.png"));
  const seen = await is({ imported: 2, failed: 2, status: "processing", watch: true });
  expect(seen.errors.map(({ file, code }: Body) => [file, code]).toSorted()).toEqual([
    ["link.png", "left_out"],
    ["notes.txt", "unsupported_media_type"],
  ]);
  const { items: albums } = await gallery.get("/albums");
  expect(albums).toMatchObject([{ name: "sea", photo_count: 1 }]);

  for (let at = 0; at < 12; at += 1) await put(`b${at}.png`, await nextPicture());
  // On a busy machine several are taken between two checks.
  await until("some of the files imported", async () => (await show()).imported >= 4, 60_000);
  await worker.kill();
  await put("c.png", await nextPicture());
  await rm(join(folder, "notes.txt"));
  worker = await stack.startWorker();
  await is({ imported: 15, duplicates: 0, failed: 1, found: 16 });
  expect(await isSettled()).toMatchObject({ imported: 15, failed: 1 });
  for (const name of ["a1.png", "b0.png", "b11.png", "c.png"]) {
    expect([name, (await photoNamed(name)).length]).toEqual([name, 1]);
  }
}, 150_000);

test("a half-written file is no photo, and becomes one when it is complete; other bytes become another photo", async () => {
  const { put, is, isSettled } = await watchFolder();
  const bytes = await nextPicture();
  await put("half.png", bytes.subarray(0, bytes.length / 2));
  const refused = await is({ failed: 1, imported: 0 });
  expect(refused.errors).toMatchObject([{ file: "half.png", code: "image_rejected" }]);
  await put("half.png", bytes);
  const taken = await is({ failed: 0, imported: 1 });
  expect(taken.errors).toEqual([]);
  await put("half.png", await nextPicture());
  await is({ imported: 2 });
  expect(await photoNamed("half.png")).toHaveLength(2);
  expect(await isSettled()).toMatchObject({ found: 2, duplicates: 0 });
}, 90_000);

test("a photo that is deleted here for good is not taken again from its file, a copy, or a renamed file", async () => {
  const { folder, put, is, isSettled } = await watchFolder();
  const bytes = await nextPicture();
  await put("gone.png", bytes);
  await is({ imported: 1 });
  const [photo] = await photoNamed("gone.png");
  await remove(photo.id);
  await utimes(join(folder, "gone.png"), new Date(), new Date());
  await put("copy.png", bytes);
  await is({ duplicates: 1 });
  await rename(join(folder, "gone.png"), join(folder, "renamed.png"));
  await is({ duplicates: 2 });
  expect(await isSettled()).toMatchObject({ imported: 1, duplicates: 2, failed: 0 });
  for (const name of ["gone.png", "copy.png", "renamed.png"]) {
    expect([name, await photoNamed(name)]).toEqual([name, []]);
  }
}, 90_000);

test("a root that is unmounted for a while, and a lost run, end no watching; a cancel does", async () => {
  const { id, folder, put, is, show } = await watchFolder();
  await put("d1.png", await nextPicture());
  await is({ imported: 1 });
  const volume = join(root, "volume");
  await rename(pictures, volume);
  await mkdir(pictures);
  const away = "The folder cannot be found at present; it is checked again until it is back.";
  expect(await is({ progress_message: away })).toMatchObject({ status: "processing", imported: 1 });
  await writeFile(join(volume, folder.slice(pictures.length), "d2.png"), await nextPicture());
  await rm(pictures, { recursive: true });
  await rename(volume, pictures);
  expect((await is({ imported: 2, duplicates: 0 })).progress_message).toBeUndefined();

  const run = stack.temporal.workflow.getHandle(photoImportId(id));
  await run.terminate();
  await put("d3.png", await nextPicture());
  await is({ imported: 3 });

  const second = gallery.post("/photos/import", { path: folder, watch: true });
  expect(await second.catch((error: Error) => error.message)).toContain(": 409 ");
  await gallery.post(`/photos/imports/${id}/cancel`);
  await is({ status: "cancelled", imported: 3 });
  await until("its run to end", async () => (await run.describe()).status.name === "COMPLETED");
  await put("d4.png", await nextPicture());
  const next = await gallery.post("/photos/import", { path: folder, watch: true });
  const seen = await until("the next import", async () => {
    const one = await gallery.get(`/photos/imports/${next.id}`);
    return one.imported === 1 && one;
  });
  expect(seen).toMatchObject({ imported: 1, duplicates: 3 });
  expect((await show()).imported).toBe(3);
}, 150_000);
