import { afterAll, describe, expect, test } from "bun:test";
import { mkdir, mkdtemp, readdir, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { photos } from "#db/schema/photos";
import { housekeepingId } from "#workflows/housekeeping/contract";
import { photoImportId } from "#workflows/photo-import/contract";
import { queues } from "#workflows/task-queues";
import { listFiles } from "#tests/support/library";
import { startGallery } from "#tests/support/running-gallery";
import { pngOfShade } from "#tests/support/uploads";
import { unmount } from "#tests/support/volume";
import { until } from "#tests/support/wait";

const root = await realpath(await mkdtemp(join(tmpdir(), "gallery-volume-")));
const { stack, gallery } = await startGallery({ env: { IMPORT_ROOTS: root } });
const { dataDir } = stack;
const { db } = stack.database;

afterAll(async () => {
  await stack.stop();
  await rm(root, { recursive: true, force: true });
}, 60_000);

let shade = 7_000;
const nextPicture = () => pngOfShade((shade += 1));
const folders = ["photos", "photos/uploaded", "photos/generated", "photos/thumbnails"] as const;
const uploadFolders = folders.filter((folder) => folder !== "photos/generated");

async function post(body: FormData | ReadableStream, headers = {}) {
  const url = `${gallery.url}/api/v1/photos`;
  const response = await fetch(url, { method: "POST", body, headers });
  return { status: response.status, body: (await response.json()) as Record<string, any> };
}

const formWith = (bytes: Uint8Array) => {
  const form = new FormData();
  form.append("file", new File([new Uint8Array(bytes)], "picture.png"));
  return form;
};

const readiness = async () => {
  const response = await fetch(`${gallery.url}/health/ready`);
  const { storage } = (await response.json()) as { storage: string };
  return { status: response.status, storage };
};

const awayError = {
  status: 507,
  body: { error: { code: "storage_error", message: expect.stringContaining("mount its volume") } },
};

describe("a folder whose volume is unmounted while everything runs", () => {
  test.each(uploadFolders)(
    "%s: an upload is 507, leaves no file and no row, and works again after a remount",
    async (folder) => {
      await post(formWith(await nextPicture()));
      const rows = await db.$count(photos);
      const volume = await unmount(dataDir, folder);
      expect(await post(formWith(await nextPicture()))).toMatchObject(awayError);
      expect(await volume.strays()).toEqual([]);
      expect(await db.$count(photos)).toBe(rows);
      await volume.remount();
      expect((await post(formWith(await nextPicture()))).status).toBe(201);
    },
    30_000,
  );

  test.each(folders)(
    "%s: /health/ready reports that the storage is not ok, until the remount",
    async (folder) => {
      expect(await readiness()).toMatchObject({ status: 200, storage: "ok" });
      const volume = await unmount(dataDir, folder);
      const away = await readiness();
      await volume.remount();
      expect(away.status).toBe(503);
      expect(away.storage).not.toBe("ok");
      expect(await readiness()).toMatchObject({ status: 200, storage: "ok" });
    },
  );

  test.each(uploadFolders)(
    "%s: an upload that is half received at the unmount is 507 and leaves no file and no row",
    async (folder) => {
      const rows = await db.$count(photos);
      const bytes = await nextPicture();
      const unmounted = Promise.withResolvers<Awaited<ReturnType<typeof unmount>>>();
      const head = 'Content-Disposition: form-data; name="file"; filename="a.png"';
      const body = new ReadableStream({
        async start(controller) {
          controller.enqueue(Buffer.from(`--cut\r\n${head}\r\n\r\n`));
          controller.enqueue(bytes.subarray(0, 100));
          await until(
            "a file being received",
            async () => (await readdir(join(dataDir, "photos/uploaded/.incoming"))).length > 0,
          );
          unmounted.resolve(await unmount(dataDir, folder));
          controller.enqueue(bytes.subarray(100));
          controller.enqueue(Buffer.from("\r\n--cut--\r\n"));
          controller.close();
        },
      });
      const answer = await post(body, { "content-type": "multipart/form-data; boundary=cut" });
      const volume = await unmounted.promise;
      const strays = await volume.strays();
      await volume.remount();
      expect(answer).toMatchObject(awayError);
      expect(strays).toEqual([]);
      expect(await db.$count(photos)).toBe(rows);
    },
    30_000,
  );

  test.each(["photos", "photos/generated", "photos/thumbnails"] as const)(
    "%s: a generated image waits and says so, no attempt is counted, and it is fetched after the remount",
    async (folder) => {
      const before = (await listFiles(dataDir, "generated")).length;
      const session = await gallery.createSession();
      const volume = await unmount(dataDir, folder);
      const step = await gallery.requestStep(session["id"], { parameters: { batch_size: 1 } });
      const waiting = await until("an image that waits for its volume", async () => {
        const [photo] = await gallery.photosOf(step["id"]);
        return photo?.["photo"].retrieval_error?.includes("mount its volume") && photo["photo"];
      });
      expect(waiting).toMatchObject({ retrieval_status: "pending", retrieval_attempts: 0 });
      expect(await volume.strays()).toEqual([]);
      await volume.remount();
      await gallery.allRetrieved(step["id"], 1);
      expect(await listFiles(dataDir, "generated")).toHaveLength(before + 1);
    },
    90_000,
  );

  test.each(uploadFolders)(
    "%s: an import waits, stores nothing in the empty folder, counts no failures, and finishes after the remount",
    async (folder) => {
      const source = join(root, crypto.randomUUID());
      await mkdir(source);
      for (const name of ["a", "b", "c"]) {
        await writeFile(join(source, `${name}.png`), await nextPicture());
      }
      const rows = await db.$count(photos);
      const volume = await unmount(dataDir, folder);
      const { id } = await gallery.post("/photos/import", { path: source });
      const seen = await until("an import that is under way", async () => {
        const found = await gallery.get(`/photos/imports/${id}`);
        return found["status"] === "processing" && found;
      });
      const run = stack.temporal.workflow.getHandle(photoImportId(id));
      await until("several attempts of the activity", async () => {
        const { pendingActivities } = (await run.describe()).raw;
        return pendingActivities?.some(({ attempt }) => (attempt ?? 0) >= 3);
      });
      expect(await volume.strays()).toEqual([]);
      expect(await db.$count(photos)).toBe(rows);
      expect(seen["failed"]).toBe(0);
      await volume.remount();
      const done = await until(
        "the end of the import",
        async () => {
          const found = await gallery.get(`/photos/imports/${id}`);
          return found["status"] === "completed" && found;
        },
        60_000,
      );
      expect(done).toMatchObject({ imported: 3, failed: 0 });
    },
    120_000,
  );

  test("the files of a photo deleted permanently meanwhile are deleted after the remount", async () => {
    const { body } = await post(formWith(await nextPicture()));
    const files = async () =>
      (await listFiles(dataDir, "uploaded")).filter((name) => name.includes(body["id"]));
    const volume = await unmount(dataDir, "photos/uploaded");
    const url = `${gallery.url}/api/v1/photos/${body["id"]}?permanent=true`;
    expect((await fetch(url, { method: "DELETE" })).ok).toBe(true);
    await volume.remount();
    expect(await files()).toHaveLength(1);
    await stack.temporal.workflow.execute("purgeTrash", {
      taskQueue: queues.main,
      workflowId: housekeepingId("purge-trash"),
      workflowIdConflictPolicy: "USE_EXISTING",
    });
    expect(await files()).toEqual([]);
  }, 60_000);
});
