import { afterAll, beforeAll, expect, test } from "bun:test";
import { createTestApi, type TestApi } from "#tests/support/api";
import { insertPhoto } from "#tests/support/rows";

const token = "a-token-of-the-owner";
let api: TestApi;
let key: string;

beforeAll(async () => {
  api = await createTestApi({ API_TOKEN: token });
  const { id } = await insertPhoto(api.deps.database.db);
  const owner = { authorization: `Bearer ${token}` };
  const [, link] = await api.call("POST", "/share", { photo_id: id }, owner);
  key = link.access_key;
});
afterAll(() => api.close());

const unknownKey = "A".repeat(43);
const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** An answer as a visitor sees it, without the request id. */
async function seen(path: string, init?: RequestInit) {
  const answer = await api.request(path, init);
  const text = await answer.text();
  const headers = Object.fromEntries(answer.headers);
  delete headers["x-request-id"];
  return {
    status: answer.status,
    headers,
    text: text.replace(/"request_id":"[^"]+"/, ""),
  };
}

test("an unknown path below a link is answered like an unknown link, whatever the key and the method", async () => {
  const page = await seen(`/s/${unknownKey}`);
  const json = await seen(`/api/v1/share/${unknownKey}/photos`);
  expect([page.status, json.status]).toEqual([404, 404]);
  const keys = [key, unknownKey, "short", "x".repeat(80), `${key.slice(0, 42)}*`];
  for (const one of keys) {
    for (const below of ["nonsense", "photos/x/nonsense", "a/b/c/d/e/f", "p"]) {
      for (const method of methods) {
        const body = method === "POST" ? { body: "{}" } : {};
        const at = { one, below, method };
        const ofPage = await seen(`/s/${one}/${below}`, { method, ...body });
        const ofApi = await seen(`/api/v1/share/${one}/${below}`, { method, ...body });
        const isHead = method === "HEAD";
        const wanted = (full: typeof page) => ({
          ...full,
          text: isHead ? "" : full.text,
          ...(isHead && { headers: { ...full.headers, "content-length": expect.any(String) } }),
        });
        expect({ ...at, ...ofPage }).toEqual({ ...at, ...wanted(page) });
        expect({ ...at, ...ofApi }).toEqual({ ...at, ...wanted(json) });
      }
    }
  }
});

test("a wrong method on a link's path answers 405 with Allow, even without a token", async () => {
  const paths: Record<string, string> = {
    [`/s/${key}`]: "GET, HEAD",
    [`/s/${key}/unlock`]: "POST",
    [`/api/v1/share/${key}/photos`]: "GET, HEAD",
    "/health": "GET, HEAD",
  };
  for (const [path, allow] of Object.entries(paths)) {
    const { status, headers } = await seen(path, { method: "PUT" });
    expect({ path, status, allow: headers["allow"] }).toEqual({ path, status: 405, allow });
  }
});

test("the owner's paths next to the links require the token, whether they exist or not", async () => {
  for (const path of [
    "/api/v1/share/links",
    "/api/v1/share/links/x/y",
    "/api/v1/share/create",
    "/api/v1/share",
    "/api/v1/nonsense",
    "/nonsense",
  ]) {
    for (const method of methods) {
      const { status } = await seen(path, { method });
      expect({ path, method, status }).toEqual({ path, method, status: 401 });
    }
  }
});
