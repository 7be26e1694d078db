import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createTestApi, type TestApi } from "#tests/support/api";

const token = "a-token-of-the-owner";
let open: TestApi;
let guarded: TestApi;

beforeAll(async () => {
  open = await createTestApi();
  guarded = await createTestApi({
    API_TOKEN: token,
    PUBLIC_URL: "https://photos.example.org",
    ALLOWED_HOSTS: "nas.local",
  });
});
afterAll(() => Promise.all([open.close(), guarded.close()]));

describe("Host", () => {
  const cases: [string, number][] = [
    ["localhost", 200],
    ["localhost:8000", 200],
    ["127.0.0.1:1", 200],
    ["[::1]:8000", 200],
    ["photos.example.org", 200],
    ["PHOTOS.example.org", 200],
    ["nas.local:8000", 200],
    ["evil.example", 403],
    ["localhost.evil.example", 403],
    ["photos.example.org.evil.example:443", 403],
  ];
  test.each(cases)("a request for %s answers %i on every route", async (host, status) => {
    const answer = await guarded.request("/health", { headers: { host } });
    expect(answer.status).toBe(status);
    if (status === 403) {
      for (const path of ["/nowhere", "/docs", "/api/v1/photos"]) {
        expect((await guarded.request(path, { headers: { host } })).status).toBe(403);
      }
    }
  });
});

describe("token", () => {
  /** Method and path of every registered route, with ids filled in. */
  const everyRoute = () =>
    createApp(guarded.deps).routes.map((route) => ({
      method: route.method,
      path: route.path
        .replaceAll(/:[a-z_]*key/g, "k".repeat(43))
        .replaceAll(/:\w+/g, crypto.randomUUID()),
      pattern: route.path,
    }));
  const publicPatterns =
    /^\/(health|docs|docs\/json|docs\/assets\/.*|(api\/v1\/share|s)\/:\w+(\/.*)?)$/;

  test("every route but the public ones is 401 without the token, before its body is read", async () => {
    const routes = everyRoute();
    expect(routes.length).toBeGreaterThan(15);
    for (const { method, path, pattern } of routes) {
      const { status, headers } = await guarded.request(path, { method });
      const isPublic =
        publicPatterns.test(pattern) && method === "GET" && !pattern.includes("/links");
      if (pattern.includes("/unlock")) continue;
      expect({ method, pattern, refused: status === 401 }).toEqual({
        method,
        pattern,
        refused: !isPublic,
      });
      if (!isPublic) expect(headers.get("www-authenticate")).toBe("Bearer");
    }
  });

  test.each([
    ["Bearer wrong", 401],
    [`Bearer ${token}x`, 401],
    [`Basic ${token}`, 401],
    [token, 401],
    [`Bearer ${token}`, 200],
    [`bearer ${token}`, 200],
  ])("Authorization: %s answers %i", async (authorization, status) => {
    const answer = await guarded.request("/api/v1/photos", { headers: { authorization } });
    expect(answer.status).toBe(status);
  });

  test("a path that is not there is 401 too, so that nobody learns which are", async () => {
    expect((await guarded.request("/api/v1/nothing")).status).toBe(401);
  });

  test("without a token set nobody is asked for one", async () => {
    expect((await open.request("/api/v1/photos")).status).toBe(200);
  });
});

describe("cross-site", () => {
  const cases: [string, Record<string, string>, number][] = [
    ["no browser", {}, 404],
    ["our own page", { origin: "http://localhost", "sec-fetch-site": "same-origin" }, 404],
    ["PUBLIC_URL", { origin: "https://photos.example.org", "sec-fetch-site": "cross-site" }, 404],
    ["another origin", { origin: "http://evil.example" }, 403],
    ["another port", { origin: "http://localhost:3000" }, 403],
    ["a hidden origin", { origin: "null" }, 403],
    ["cross-site without origin", { "sec-fetch-site": "cross-site" }, 403],
    ["same-site without origin", { "sec-fetch-site": "same-site" }, 403],
    ["a typed address", { "sec-fetch-site": "none" }, 404],
  ];
  test.each(cases)("a change from %s", async (_name, headers, status) => {
    const path = `/api/v1/photos/${crypto.randomUUID()}`;
    const authorization = `Bearer ${token}`;
    const answer = await guarded.request(path, {
      method: "DELETE",
      headers: { authorization, ...headers },
    });
    expect(answer.status).toBe(status);
  });

  test("a form of a stranger's page is let through to a public route", async () => {
    const path = `/s/${"k".repeat(43)}/unlock`;
    const answer = await guarded.request(path, {
      method: "POST",
      headers: { origin: "null", "content-type": "application/x-www-form-urlencoded" },
      body: "password=guess",
    });
    expect(answer.status).toBe(404);
  });

  test("reading is not refused for its origin", async () => {
    const answer = await open.request("/api/v1/photos", {
      headers: { origin: "http://evil.example" },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });
});
