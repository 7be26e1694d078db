import { afterAll, describe, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createTestApi } from "#tests/support/api";
import { insertWorker } from "#tests/support/rows";

type Json = Record<string, any>;
const api = await createTestApi();
afterAll(() => api.close());

const errorOf = async (response: Response) => ((await response.json()) as Json)["error"] as Json;
const anyPhoto = () => `/api/v1/photos/${crypto.randomUUID()}`;

describe("every answer", () => {
  test("a wrong method answers 405 with Allow, for every existing path", async () => {
    const routes = createApp(api.deps).routes;
    const paths = new Set(routes.map((route) => route.path));
    for (const pattern of paths) {
      const allowed = routes.filter((route) => route.path === pattern).map(({ method }) => method);
      const path = pattern.replaceAll(/:\w+/g, crypto.randomUUID());
      const response = await api.request(path, { method: "PUT" });
      expect({ pattern, status: response.status }).toEqual({ pattern, status: 405 });
      const allow = response.headers.get("allow")?.split(", ") ?? [];
      for (const method of allowed) expect(allow).toContain(method);
      if (allowed.includes("GET")) expect(allow).toContain("HEAD");
      expect((await errorOf(response))["code"]).toBe("method_not_allowed");
    }
  });

  test("an unknown path answers 404 with the error body", async () => {
    const response = await api.request("/api/v2/photos");
    expect(response.status).toBe(404);
    expect(await response.json()).toEqual({
      error: { code: "not_found", message: expect.any(String), details: {} },
      request_id: expect.any(String),
    });
  });

  test("a well-formed request id is kept, any other is replaced; header, body and log line agree", async () => {
    const response = await api.request("/api/v1/nothing", { headers: { "x-request-id": "abc-1" } });
    expect(response.headers.get("x-request-id")).toBe("abc-1");
    expect(((await response.json()) as Json)["request_id"]).toBe("abc-1");
    expect(api.lines.at(-1)).toMatchObject({ request_id: "abc-1", status: 404, method: "GET" });
    const other = await api.request("/health", { headers: { "x-request-id": "no spaces" } });
    expect(other.headers.get("x-request-id")).toMatch(/^[0-9a-f-]{36}$/);
  });

  test("a log line has the route's pattern, never the URL", async () => {
    await api.request(`${anyPhoto()}?v=secret-in-the-address`);
    expect(api.lines.at(-1)).toMatchObject({ route: "/api/v1/photos/:id", status: 404 });
    expect(JSON.stringify(api.lines)).not.toContain("secret-in-the-address");
  });

  test("security headers are on every answer, also on errors", async () => {
    for (const path of [
      "/health",
      "/docs",
      "/docs/json",
      "/nowhere",
      anyPhoto(),
      "/api/v1/photos",
    ]) {
      const { headers } = await api.request(path);
      expect(headers.get("x-content-type-options")).toBe("nosniff");
      expect(headers.get("referrer-policy")).toBe("no-referrer");
      expect(headers.get("content-security-policy")).toContain("default-src 'none'");
    }
  });

  test("HEAD answers as GET does, without a body", async () => {
    for (const path of ["/health", "/api/v1/photos", "/docs", anyPhoto()]) {
      const [get, head] = await Promise.all([
        api.request(path),
        api.request(path, { method: "HEAD" }),
      ]);
      expect(head.status).toBe(get.status);
      expect(head.headers.get("content-type")).toBe(get.headers.get("content-type"));
      expect(await head.text()).toBe("");
    }
  });
});

describe("errors", () => {
  const patch = (body: string, type = "application/json") =>
    api.request(anyPhoto(), { method: "PATCH", body, headers: { "content-type": type } });
  const cases: [string, string, number, string][] = [
    ["no JSON", "{", 400, "validation_error"],
    ["an unknown field", '{"colour":"red"}', 400, "validation_error"],
    ["a wrong type", '{"rating":"five"}', 400, "validation_error"],
    ["out of bounds", '{"rating":6}', 400, "validation_error"],
    ["nothing to change", "{}", 400, "validation_error"],
    ["a NUL in a text", '{"title":"a\\u0000b"}', 400, "validation_error"],
    ["half a character", '{"title":"a\\ud800b"}', 400, "validation_error"],
    ["too deep", `{"title":${"[".repeat(40)}${"]".repeat(40)}}`, 400, "validation_error"],
    ["too much", `{"title":"${"x".repeat(1024 * 1024)}"}`, 413, "payload_too_large"],
  ];
  test.each(cases)("a body with %s is refused", async (_name, body, status, code) => {
    const response = await patch(body);
    expect({ status: response.status, code: (await errorOf(response))["code"] }).toEqual({
      status,
      code,
    });
  });

  test("each invalid field is listed with its path", async () => {
    const { details } = await errorOf(await patch('{"rating":9,"tags":["a",5],"colour":1}'));
    const paths = details.errors.map((fault: Json) => fault["path"]);
    expect(paths.toSorted()).toEqual(["colour", "rating", "tags.1"]);
  });

  test("a body that is not JSON answers 415", async () => {
    const response = await patch("title=x", "application/x-www-form-urlencoded");
    expect(response.status).toBe(415);
    expect((await patch("x", "multipart/form-data; boundary=x")).status).toBe(415);
  });

  test("a malformed id in a path answers 404", async () => {
    for (const path of [
      "/api/v1/photos/1",
      "/api/v1/photos/1/thumbnail",
      "/api/v1/photos/thumbnail/x",
    ]) {
      expect((await api.request(path)).status).toBe(404);
    }
  });

  test("an unknown query parameter is ignored, on every route", async () => {
    for (const { method, path } of createApp(api.deps).routes) {
      if (method !== "GET") continue;
      const address = path.replaceAll(/:\w+/g, crypto.randomUUID());
      const known = await api.request(address);
      const unknown = await api.request(`${address}?colour=red`);
      await Promise.all([known.body?.cancel(), unknown.body?.cancel()]);
      expect({ path, status: unknown.status }).toEqual({ path, status: known.status });
    }
  });

  test("a URL above 8 KiB is refused", async () => {
    expect((await api.request(`/health?x=${"y".repeat(8_192)}`)).status).toBe(400);
  });

  test("an unexpected error answers 500 without details, and is logged with them", async () => {
    const broken = createApp({
      ...api.deps,
      storage: {
        ...api.deps.storage,
        find: () => Promise.reject(new Error("/secret/path is gone")),
      },
    });
    const response = await broken.handle(new Request(`http://localhost${anyPhoto()}/thumbnail`));
    expect(response.status).toBe(500);
    const text = await response.text();
    expect(text).toContain("server_error");
    expect(text).not.toContain("secret");
    const line = api.lines.find((entry) => entry["msg"] === "fault");
    expect(JSON.stringify(line)).toContain("/secret/path is gone");
  });
});

test("the docs page loads nothing from elsewhere", async () => {
  const page = await api.request("/docs");
  expect(page.headers.get("content-type")).toContain("text/html");
  const html = await page.text();
  expect(html).not.toMatch(/https?:\/\//);
  for (const [, path] of html.matchAll(/(?:src|href)="([^"]+)"/g)) {
    const asset = await api.request(path ?? "");
    expect({ path, status: asset.status }).toEqual({ path, status: 200 });
  }
  expect((await api.request("/docs/assets/package.json")).status).toBe(404);
});

test("readiness says what is unavailable: 200 degraded without workflows, 503 without the data folder", async () => {
  await insertWorker(api.deps.database.db);
  expect(await (await api.request("/health/ready")).json()).toMatchObject({ status: "ok" });
  api.temporal.isAway = true;
  const degraded = await api.request("/health/ready");
  api.temporal.isAway = false;
  expect(degraded.status).toBe(200);
  expect(await degraded.json()).toMatchObject({ status: "degraded", database: "ok" });
  const unmounted = createApp({
    ...api.deps,
    storage: { ...api.deps.storage, readMarker: async () => undefined },
  });
  const away = await unmounted.handle(new Request("http://localhost/health/ready"));
  expect(away.status).toBe(503);
  expect(await away.json()).toMatchObject({ status: "unavailable", storage: expect.any(String) });
});
