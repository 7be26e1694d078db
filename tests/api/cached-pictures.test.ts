import { afterAll, beforeAll, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createTestApi, type TestApi } from "#tests/support/api";
import { uploadedPhoto } from "#tests/support/uploads";

let api: TestApi;
let ask: (path: string, init?: RequestInit) => Promise<Response>;
beforeAll(async () => {
  api = await createTestApi();
  // Only files that have not changed for some seconds are cached.
  const app = createApp({ ...api.deps, now: () => new Date(Date.now() + 60_000) });
  ask = (path, init) => app.handle(new Request(`http://localhost${path}`, init));
});
afterAll(() => api.close());

/** A thumbnail's address after two requests: from then on it is answered from memory, with prepared headers. */
async function cachedThumbnail(shade: number): Promise<{ id: string; path: string }> {
  const { id, thumbnail_url: path } = await uploadedPhoto(api, shade);
  for (let times = 0; times < 3; times += 1) await (await ask(path)).arrayBuffer();
  return { id, path };
}

const headersOf = ({ headers }: Response) => {
  const { "x-request-id": id, ...others } = Object.fromEntries(headers);
  expect(id).toMatch(/^[0-9a-f-]{36}$/);
  return others;
};

test("a picture from memory has the bytes and headers of the first answer, and a request id of its own", async () => {
  const { thumbnail_url: path } = await uploadedPhoto(api, 62_001);
  const first = await ask(path);
  const [headers, bytes] = [headersOf(first), await first.bytes()];
  const ids = new Set([first.headers.get("x-request-id")]);
  for (let times = 0; times < 4; times += 1) {
    const again = await ask(path);
    expect(headersOf(again)).toEqual(headers);
    expect(await again.bytes()).toEqual(bytes);
    ids.add(again.headers.get("x-request-id"));
  }
  expect(ids.size).toBe(5);
  expect(headers["cache-control"]).toContain("immutable");
});

test("a picture from memory answers HEAD, ranges and conditional requests", async () => {
  const { path } = await cachedThumbnail(62_002);
  const whole = await ask(path);
  const bytes = await whole.bytes();
  const etag = whole.headers.get("etag")!;
  const head = await ask(path, { method: "HEAD" });
  expect([head.status, (await head.bytes()).length]).toEqual([200, 0]);
  expect(headersOf(head)).toEqual(headersOf(whole));
  const part = await ask(path, { headers: { range: "bytes=2-5" } });
  expect([part.status, part.headers.get("content-range")]).toEqual([
    206,
    `bytes 2-5/${bytes.length}`,
  ]);
  expect(await part.bytes()).toEqual(bytes.slice(2, 6));
  expect((await ask(path, { headers: { "if-none-match": etag } })).status).toBe(304);
});

test("a picture from memory is gone with its photo, and other versions of its address are not immutable", async () => {
  const { id, path } = await cachedThumbnail(62_003);
  const other = await ask(path.replace(/v=.*/, "v=other"));
  expect(other.headers.get("cache-control")).toBe("private, no-cache");
  const deletion = { method: "DELETE" };
  expect((await ask(`/api/v1/photos/${id}?permanent=true`, deletion)).status).toBe(204);
  expect((await ask(path)).status).toBe(404);
});
