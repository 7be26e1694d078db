import { afterAll, beforeAll, expect, test } from "bun:test";
import { createObjectStore, type ObjectStore } from "#media/storage/s3/object-store";
import { sha256Of } from "#sha256";
import { startFaultyLine } from "#tests/support/faulty-line";
import { listFiles } from "#tests/support/library";
import { settingsOf, startObjectStore } from "#tests/support/object-store";
import { painted } from "#tests/fixtures/pictures";
import { startGallery } from "#tests/support/running-gallery";
import { unzip } from "#tests/support/zip";
import { until } from "#tests/support/wait";

let bucket: Awaited<ReturnType<typeof startObjectStore>>;
let line: Awaited<ReturnType<typeof startFaultyLine>>;
let started: Awaited<ReturnType<typeof startGallery>>;
let store: ObjectStore;

beforeAll(async () => {
  bucket = await startObjectStore();
  line = await startFaultyLine(bucket.access.endpoint);
  store = createObjectStore(bucket.access);
  const { access } = bucket;
  started = await startGallery({
    env: settingsOf({ ...access, endpoint: line.url }),
  });
}, 120_000);
afterAll(async () => {
  await started.stack.stop();
  await line.stop();
  await bucket.stop();
}, 60_000);

async function objectsOf(photoId: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of store.list("photos/")) if (key.includes(photoId)) found.push(key);
  return found.toSorted();
}

async function get(path: string, headers = {}) {
  const accepted = { accept: "image/*, text/html;q=0.9, */*;q=0.1", ...headers };
  const response = await fetch(`${started.gallery.url}${path}`, { headers: accepted });
  return { response, bytes: await response.bytes() };
}

test("an uploaded photo is in the bucket alone, and comes back byte for byte, in parts, small and in a zip", async () => {
  const { gallery, stack } = started;
  const png = await painted(900, 600).png().toBuffer();
  const { id } = await gallery.upload(png);
  expect(await objectsOf(id)).toHaveLength(3);
  for (const kind of ["uploaded", "thumbnails"] as const) {
    expect(await listFiles(stack.dataDir, kind)).toEqual([]);
  }

  const whole = await get(`/api/v1/photos/${id}`);
  expect(sha256Of(whole.bytes)).toBe(sha256Of(png));
  const part = await get(`/api/v1/photos/${id}`, { range: "bytes=100-199" });
  expect(part.response.status).toBe(206);
  expect(sha256Of(part.bytes)).toBe(sha256Of(png.subarray(100, 200)));
  const etag = whole.response.headers.get("etag") ?? "";
  const known = await get(`/api/v1/photos/${id}`, { "if-none-match": etag });
  expect(known.response.status).toBe(304);
  for (const size of ["thumbnail", "preview"]) {
    const small = await get(`/api/v1/photos/${id}/${size}`);
    expect(small.response.headers.get("content-type")).toBe("image/webp");
    expect(small.bytes.length).toBeGreaterThan(100);
  }

  const album = await gallery.post("/albums", { name: "one" });
  await gallery.post(`/albums/${album.id}/photos`, { photo_ids: [id] });
  const zip = await get(`/api/v1/albums/${album.id}/download`);
  const [entry] = (await unzip(zip.bytes)).values();
  expect(sha256Of(entry!)).toBe(sha256Of(png));
});

test("a share link shows its photo, and nothing of the store's address or keys", async () => {
  const { gallery } = started;
  const { id } = await gallery.upload(await painted(640, 480).jpeg().toBuffer(), "shared.jpg");
  const link = await gallery.post("/share", { photo_id: id, allow_download: true });
  const path = new URL(link.url).pathname;
  const page = await get(path);
  expect(page.response.status).toBe(200);
  const html = Buffer.from(page.bytes).toString();
  const pictures = [...html.matchAll(/(?:src|href)="(\/s\/[^"]+)"/g)].map((match) => match[1]!);
  expect(pictures.length).toBeGreaterThan(0);
  for (const picture of [path, ...pictures]) {
    const { response, bytes } = await get(picture.replaceAll("&amp;", "&"));
    expect(response.status).toBe(200);
    const said = `${JSON.stringify([...response.headers])}${Buffer.from(bytes).toString("latin1")}`;
    for (const secret of [new URL(line.url).host, bucket.access.prefix, "x-amz", "versity"]) {
      expect(said.toLowerCase()).not.toContain(secret.toLowerCase());
    }
  }
});

test("a killed worker resumes: each generated image is in the bucket once", async () => {
  const { gallery, stack } = started;
  const session = await gallery.createSession();
  const step = await gallery.requestStep(session.id);
  await until("a first image", async () => (await gallery.photosOf(step.id)).length > 0);
  await started.worker.kill();
  started.worker = await stack.startWorker();
  await gallery.stepIs(step.id, ["completed"], 90_000);
  await gallery.allRetrieved(step.id, 4);
  const photos = await gallery.photosOf(step.id);
  expect(photos).toHaveLength(4);
  for (const { photo } of photos) expect(await objectsOf(photo.id)).toHaveLength(3);
}, 180_000);

test("while the store is away uploads are refused, images wait without a counted attempt, and come when it is back", async () => {
  const { gallery } = started;
  const session = await gallery.createSession();
  line.refuse();
  const form = new FormData();
  form.append("file", new File([await painted(80, 60).png().toBuffer()], "a.png"));
  const refused = await fetch(`${gallery.url}/api/v1/photos`, { method: "POST", body: form });
  expect(refused.status).toBe(503);
  const { error } = await refused.json();
  expect(error.code).toBe("storage_error");
  expect(error.message).toContain("S3 store");
  expect(error.message).not.toContain("127.0.0.1");

  const step = await gallery.requestStep(session.id, { parameters: { seed: 900, batch_size: 2 } });
  const waiting = await until("an image that waits", async () => {
    const photos = await gallery.photosOf(step.id);
    return photos.find(({ photo }) => photo.retrieval_error !== undefined)?.photo;
  });
  expect(waiting.retrieval_error).toContain("fetched when that is done");
  expect(waiting.retrieval_attempts).toBe(0);
  line.heal();
  await gallery.allRetrieved(step.id, 2, 60_000);
}, 180_000);

test("a photo that is deleted for good leaves nothing in the bucket", async () => {
  const { gallery } = started;
  const { id } = await gallery.upload(await painted(300, 200).png().toBuffer());
  expect(await objectsOf(id)).toHaveLength(3);
  const response = await fetch(`${gallery.url}/api/v1/photos/${id}?permanent=true`, {
    method: "DELETE",
  });
  expect(response.ok).toBe(true);
  await until("no object", async () => (await objectsOf(id)).length === 0);
});
