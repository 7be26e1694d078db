import { afterAll, expect, test } from "bun:test";
import sharp from "sharp";
import { createApp } from "#api/app";
import { originalKey } from "#media/storage/keys";
import { sha256Of } from "#sha256";
import { createTestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";
import { makeLink } from "#tests/support/links";
import { formOf, upload } from "#tests/support/uploads";
import { heicGrid } from "#tests/fixtures/heic";
import { markedGif, markedJpeg } from "#tests/fixtures/marked-pictures";
import { animation, painted } from "#tests/fixtures/pictures";

const api = await createTestApi();
afterAll(() => api.close());

async function shareOriginal(bytes: Uint8Array) {
  const { status, body } = await upload(api, formOf([{ bytes, name: "secret.bin" }]));
  expect([status, body["error"]]).toEqual([201, undefined]);
  const { id } = body as { id: string };
  const { key } = await makeLink(api, { photo_id: id, allow_download: true });
  return { id, path: `/api/v1/share/${key}/photos/${id}/original`, photo: body };
}

const get = (path: string, headers: Record<string, string> = {}) => api.request(path, { headers });
const bytesOf = async (answer: Response) => Buffer.from(await answer.arrayBuffer());
const copies = async () => (await api.files()).filter((file) => file.includes(".shared."));

test("a shared JPEG keeps its coded pixels, and nothing is stored for it", async () => {
  const picture = await markedJpeg("MARKER");
  const { path } = await shareOriginal(picture);
  const answer = await get(path);
  expect(answer.headers.get("content-type")).toBe("image/jpeg");
  expect(answer.headers.get("content-disposition")).toBe('inline; filename="photo.jpg"');
  const pixels = (bytes: Buffer) => sharp(bytes, { failOn: "truncated" }).raw().toBuffer();
  expect((await pixels(await bytesOf(answer))).equals(await pixels(picture))).toBe(true);
  expect(await copies()).toEqual([]);
});

test("a copy has a length, ranges and an ETag that does not reveal the original's hash", async () => {
  const { path, photo } = await shareOriginal(await markedJpeg("MARKER", { width: 500 }));
  const whole = await get(path);
  const bytes = await bytesOf(whole);
  expect(whole.headers.get("content-length")).toBe(`${bytes.length}`);
  const etag = whole.headers.get("etag")!;
  expect(etag).not.toContain(photo["content_hash"]);
  const derived = sha256Of(photo["content_hash"], "base64url");
  expect(etag).not.toContain(derived);

  const head = await api.request(path, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length"), head.headers.get("etag")]).toEqual([
    200,
    `${bytes.length}`,
    etag,
  ]);
  expect((await get(path, { "if-none-match": etag })).status).toBe(304);

  const part = await get(path, { range: "bytes=100-299", "if-range": etag });
  expect([part.status, part.headers.get("content-range")]).toEqual([
    206,
    `bytes 100-299/${bytes.length}`,
  ]);
  expect((await bytesOf(part)).equals(bytes.subarray(100, 300))).toBe(true);
  const tail = await bytesOf(await get(path, { range: "bytes=-7" }));
  expect(tail.equals(bytes.subarray(-7))).toBe(true);
  expect((await get(path, { range: `bytes=${bytes.length}-` })).status).toBe(416);
  expect((await get(path, { range: "bytes=1-2", "if-range": '"other"' })).status).toBe(200);
});

test("a shared long animation keeps its coded frames, and nothing is stored for it", async () => {
  const gif = await markedGif("MARKER", 201);
  const { path } = await shareOriginal(gif);
  const answer = await get(path);
  expect([answer.status, answer.headers.get("content-type")]).toEqual([200, "image/gif"]);
  const bytes = await bytesOf(answer);
  expect(bytes.toString("latin1")).not.toContain("MARKER");
  expect((await sharp(bytes).metadata()).pages).toBe(201);
  expect(await copies()).toEqual([]);
});

test("a transparent HEIC is shared as WebP with its transparency, an opaque one as JPEG; both copies are reused and purged", async () => {
  const red = { tiles: ["8-red" as const], columns: 1, width: 128, height: 128 };
  const cases = [
    [heicGrid({ ...red, alpha: "8-green" }), "image/webp", "webp"],
    [heicGrid(red), "image/jpeg", "jpg"],
  ] as const;
  for (const [picture, mimeType, extension] of cases) {
    const { id, path } = await shareOriginal(picture);
    const answer = await get(path);
    expect([answer.status, answer.headers.get("content-type")]).toEqual([200, mimeType]);
    expect(answer.headers.get("content-disposition")).toBe(`inline; filename="photo.${extension}"`);
    const { data, info } = await sharp(await bytesOf(answer))
      .raw()
      .toBuffer({ resolveWithObject: true });
    expect([info.width, info.height, info.channels === 4]).toEqual([
      128,
      128,
      extension === "webp",
    ]);
    expect(data[0]).toBeGreaterThan(240);
    if (extension === "webp") expect(data[3]).toBeWithin(100, 200);
    expect(await copies()).toHaveLength(1);

    // As after a restart, with empty memory.
    const restarted = createApp(api.deps);
    const again = await restarted.handle(new Request(`http://localhost${path}`));
    expect([again.status, again.headers.get("content-type"), again.headers.get("etag")]).toEqual([
      200,
      mimeType,
      answer.headers.get("etag"),
    ]);
    const gone = await api.request(`/api/v1/photos/${id}?permanent=true`, { method: "DELETE" });
    expect(gone.status).toBe(204);
    expect(await copies()).toEqual([]);
  }
}, 60_000);

test("an AVIF and a broken GIF are re-encoded once, whatever the number of requests, and the copy is purged with the photo", async () => {
  const whole = await animation(3, 64).withXmp("<x>MARKER</x>").gif().toBuffer();
  const gif = Buffer.concat([whole.subarray(0, -1), Buffer.from("MARKER")]);
  const avif = await painted(64, 48)
    .withExif({ IFD0: { Artist: "MARKER" } })
    .avif()
    .toBuffer();
  for (const [picture, type, pages] of [
    [gif, "image/gif", 3],
    [avif, "image/webp", undefined],
  ] as const) {
    const { id, path } = await shareOriginal(picture);
    const answers = await Promise.all(Array.from({ length: 5 }, () => get(path)));
    const etags = new Set(answers.map((answer) => answer.headers.get("etag")));
    expect([etags.size, answers[0]!.headers.get("content-type")]).toEqual([1, type]);
    const bytes = await bytesOf(answers[0]!);
    expect(bytes.toString("latin1")).not.toContain("MARKER");
    expect((await sharp(bytes).metadata()).pages).toBe(pages!);
    const part = await get(path, { range: "bytes=10-19" });
    expect((await bytesOf(part)).equals(bytes.subarray(10, 20))).toBe(true);
    expect(await copies()).toEqual([expect.stringContaining(id)]);
    const removed = await api.request(`/api/v1/photos/${id}?permanent=true`, { method: "DELETE" });
    expect(removed.status).toBe(204);
    expect(await copies()).toEqual([]);
  }
});

test("a re-encoded picture has the orientation in which its original is displayed", async () => {
  // Without an end-of-image marker the JPEG decodes, but cannot be copied segment by segment.
  const jpeg = await painted(96, 64).withMetadata({ orientation: 6 }).jpeg().toBuffer();
  const { path } = await shareOriginal(
    Buffer.concat([jpeg.subarray(0, -2), Buffer.from("MARKER")]),
  );
  const answer = await get(path);
  const bytes = await bytesOf(answer);
  expect([answer.status, bytes.toString("latin1").includes("MARKER")]).toEqual([200, false]);
  const { width, height } = await sharp(bytes).metadata();
  expect([width, height]).toEqual([64, 96]);
});

test("with show_metadata a generated image is marked as generated, and as composite if it is based on the owner's photo", async () => {
  const { db } = api.deps.database;
  const bytes = await painted(80, 64).png().toBuffer();
  const generate = async (sourceImageId: string | null) => {
    const { id } = await insertPhoto(db, {
      kind: "generated",
      filename: "cat.png",
      sourceImageId,
      generation: { prompt: "a cat", modelName: "Tiny" },
    });
    await api.deps.storage.put(
      originalKey({ kind: "generated", id, mimeType: "image/png" }),
      bytes,
    );
    return id;
  };
  const show = async (photo_id: string, show_metadata: boolean) => {
    const { key } = await makeLink(api, { photo_id, allow_download: true, show_metadata });
    const answer = await get(`/api/v1/share/${key}/photos/${photo_id}/original`);
    expect(answer.status).toBe(200);
    const picture = await bytesOf(answer);
    expect(answer.headers.get("content-length")).toBe(`${picture.length}`);
    return { answer, picture, xmp: (await sharp(picture).metadata()).xmpAsString ?? "" };
  };
  const own = await insertPhoto(db);
  const fromOwn = await generate(own.id);
  const cases = [
    [await generate(null), "/trainedAlgorithmicMedia<"],
    [fromOwn, "/compositeWithTrainedAlgorithmicMedia<"],
    [await generate(fromOwn), "/compositeWithTrainedAlgorithmicMedia<"],
    // An upload that was generated elsewhere is not a photo of the owner.
    [
      await generate((await insertPhoto(db, { generation: { prompt: "x" } })).id),
      "/trainedAlgorithmicMedia<",
    ],
  ] as const;
  for (const [id, said] of cases) {
    const { answer, picture, xmp } = await show(id, true);
    expect(xmp).toContain(said);
    expect(xmp).toContain(">a cat<");
    expect(answer.headers.get("content-disposition")).toContain("cat.png");
    const pixels = (picture: Buffer) => sharp(picture).raw().toBuffer();
    expect((await pixels(picture)).equals(await pixels(bytes))).toBe(true);
    expect((await show(id, false)).xmp).toBe("");
  }
});
