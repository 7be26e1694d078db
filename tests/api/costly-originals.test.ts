import { afterAll, expect, test } from "bun:test";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { eq } from "drizzle-orm";
import { createApp } from "#api/app";
import { photos } from "#db/schema/photos";
import type { Storage } from "#media/storage/storage";
import { copyPlanKey, originalKey } from "#media/storage/keys";
import { createTestApi } from "#tests/support/api";
import { makeLink } from "#tests/support/links";
import { insertPhoto } from "#tests/support/rows";
import { crowdedPng, filledJpeg } from "#tests/fixtures/costly-pictures";
import { markedJpeg } from "#tests/fixtures/marked-pictures";
import { painted } from "#tests/fixtures/pictures";

const api = await createTestApi();
afterAll(() => api.close());

const firstByte = { range: "bytes=0-0" };

/** Puts the file into the library directly, as an upload might refuse it. */
async function shareOriginal(bytes: Uint8Array, mimeType = "image/jpeg") {
  const { id } = await insertPhoto(api.deps.database.db, { mimeType, filename: "secret.bin" });
  await api.deps.storage.put(originalKey({ kind: "uploaded", id, mimeType }), bytes);
  const { key } = await makeLink(api, { photo_id: id, allow_download: true });
  return `/api/v1/share/${key}/photos/${id}/original`;
}

/** The longest time for which the event loop was blocked. */
async function longestStallMs(work: () => Promise<unknown>): Promise<number> {
  const delay = monitorEventLoopDelay({ resolution: 5 });
  delay.enable();
  await work();
  delay.disable();
  return delay.max / 1e6;
}

/** The same gallery after a restart, with a storage that refuses to analyse originals again. */
function restartedWithoutReading() {
  const asked: string[] = [];
  const storage: Storage = {
    ...api.deps.storage,
    withLocalFile: async (key) => {
      asked.push(key);
      throw new Error("an original was read again");
    },
    async find(key) {
      const found = await api.deps.storage.find(key);
      if (!found || !/photos\/(uploaded|generated)/.test(key)) return found;
      // Small ranges may be sent; reading more counts as analysing the file.
      const slice = (start: number, end: number) => {
        if (end - start > 1_000) asked.push(`${key} ${start}-${end}`);
        return found.content.slice(start, end);
      };
      return { ...found, blob: { size: found.bytes, slice } as unknown as Blob };
    },
  };
  const app = createApp({ ...api.deps, storage });
  const request = (path: string, init?: RequestInit) =>
    app.handle(new Request(`http://localhost${path}`, init));
  return { asked, request };
}

test.each([
  ["a JPEG full of fill bytes", "image/jpeg", () => filledJpeg(8 * 2 ** 20)],
  ["a PNG of a million empty chunks", "image/png", () => crowdedPng(1_000_000)],
])(
  "requests for a byte of %s do not block other requests",
  async (_name, mimeType, make) => {
    const path = await shareOriginal(await make(), mimeType);
    const stall = await longestStallMs(async () => {
      const answers = await Promise.all(
        Array.from({ length: 5 }, () => api.request(path, { headers: firstByte })),
      );
      expect(answers.map(({ status }) => status)).toEqual([206, 206, 206, 206, 206]);
    });
    expect(stall).toBeLessThan(500);
  },
  60_000,
);

test("the plan for sending an original is made once, and kept over a restart", async () => {
  const path = await shareOriginal(await markedJpeg("MARKER", { width: 500 }));
  const first = await api.request(path);
  const bytes = Buffer.from(await first.arrayBuffer());
  const etag = first.headers.get("etag")!;
  const restarted = restartedWithoutReading();
  const head = await restarted.request(path, { method: "HEAD" });
  expect([head.status, head.headers.get("content-length")]).toEqual([200, `${bytes.length}`]);
  const known = await restarted.request(path, { headers: { "if-none-match": etag } });
  expect(known.status).toBe(304);
  const part = await restarted.request(path, { headers: { range: "bytes=200-219" } });
  expect(part.status).toBe(206);
  expect(Buffer.from(await part.arrayBuffer()).equals(bytes.subarray(200, 220))).toBe(true);
  expect(restarted.asked).toEqual([]);
});

test("the plan for a stamped generated image is made once, and again when its text changes", async () => {
  const { id } = await insertPhoto(api.deps.database.db, {
    kind: "generated",
    filename: "cat.png",
    generation: { prompt: "a cat", modelName: "Tiny" },
  });
  await api.deps.storage.put(
    originalKey({ kind: "generated", id, mimeType: "image/png" }),
    await painted(80, 64).png().toBuffer(),
  );
  const { key } = await makeLink(api, {
    photo_id: id,
    allow_download: true,
    show_metadata: true,
  });
  const path = `/api/v1/share/${key}/photos/${id}/original`;
  const first = await api.request(path);
  const bytes = Buffer.from(await first.arrayBuffer());
  expect(bytes.toString("utf8")).toContain(">a cat<");
  const restarted = restartedWithoutReading();
  const again = await restarted.request(path, { headers: { range: "bytes=0-9" } });
  expect([again.status, again.headers.get("etag")]).toEqual([206, first.headers.get("etag")]);
  expect(restarted.asked).toEqual([]);

  const generation = { prompt: "a dog", modelName: "Tiny" };
  await api.deps.database.db.update(photos).set({ generation }).where(eq(photos.id, id));
  const changed = await api.request(path);
  expect(await changed.text()).toContain(">a dog<");
  expect(changed.headers.get("etag")).not.toBe(first.headers.get("etag"));
});

test("a plan that is truncated or for another file is made again", async () => {
  const path = await shareOriginal(await markedJpeg("MARKER", { width: 333 }));
  const [, id] = /photos\/([^/]+)\/original/.exec(path)!;
  const whole = Buffer.from(await (await api.request(path)).arrayBuffer());
  for (const text of ["", '{"of":"x","pieces":[[0,5]]}', "null", '{"of":']) {
    await api.deps.storage.put(copyPlanKey(id!, "strip"), Buffer.from(text));
    const answer = await createApp(api.deps).handle(new Request(`http://localhost${path}`));
    expect(Buffer.from(await answer.arrayBuffer()).equals(whole)).toBe(true);
  }
});
