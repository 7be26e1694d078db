import { afterAll, describe, expect, test } from "bun:test";
import { ConfigError, loadConfig } from "#config";
import { createTestApi } from "#tests/support/api";

const token = "a-token-of-the-owner";
const ours = "https://app.example.org";
const authorization = `Bearer ${token}`;
const [api, closed] = await Promise.all([
  createTestApi({ API_TOKEN: token, CORS_ORIGINS: `${ours}, http://localhost:5173` }),
  createTestApi({ API_TOKEN: token }),
]);
afterAll(() => Promise.all([api.close(), closed.close()]));

const preflight = (path: string, origin: string, on = api) =>
  on.request(path, {
    method: "OPTIONS",
    headers: { origin, "access-control-request-method": "PATCH" },
  });
const allowed = (answer: Response) => answer.headers.get("access-control-allow-origin");

describe("a front end of CORS_ORIGINS", () => {
  test.each([
    ["a list", "/api/v1/photos", { authorization }, 200],
    ["the event stream", "/api/v1/events", { authorization }, 200],
    ["the server's liveness", "/health", {}, 200],
    ["the document", "/docs/json", {}, 200],
    ["that the token is missing", "/api/v1/photos", {}, 401],
    [
      "that a photo does not exist",
      `/api/v1/photos/${crypto.randomUUID()}`,
      { authorization },
      404,
    ],
    ["that a parameter is wrong", "/api/v1/photos?limit=0", { authorization }, 400],
    ["that a path does not exist", "/api/v1/nothing", { authorization }, 404],
  ] as [string, string, Record<string, string>, number][])(
    "may read %s",
    async (_what, path, headers, status) => {
      const answer = await api.request(path, { headers: { origin: ours, ...headers } });
      expect(answer.status).toBe(status);
      expect(allowed(answer)).toBe(ours);
      expect(answer.headers.get("access-control-allow-credentials")).toBe("true");
      expect(answer.headers.get("vary")).toContain("Origin");
      await answer.body?.cancel();
    },
  );

  test("gets an answer to its preflight without a token, for any path and method", async () => {
    for (const path of ["/api/v1/photos", "/api/v1/events", "/api/v1/nothing", "/health"]) {
      const answer = await preflight(path, ours);
      expect(answer.status).toBe(204);
      expect(allowed(answer)).toBe(ours);
      expect(answer.headers.get("access-control-allow-methods")).toContain("PATCH");
      expect(answer.headers.get("access-control-allow-headers")).toContain("Authorization");
    }
  });

  test("may make changes, and sign in", async () => {
    const headers = { origin: ours, "sec-fetch-site": "cross-site" };
    const made = await api.postJson("/api/v1/albums", { name: "a" }, { authorization, ...headers });
    expect(made.status).toBe(201);
    expect((await api.postJson("/api/v1/auth/session", { token }, headers)).status).toBe(204);
  });
});

test("any other origin gets no CORS headers, even if it resembles a listed one", async () => {
  for (const origin of [
    "https://evil.example",
    "https://app.example.org.evil.example",
    "http://app.example.org",
    "https://app.example.org:444",
    "null",
  ]) {
    const answer = await api.request("/api/v1/photos", { headers: { origin, authorization } });
    expect(allowed(answer)).toBeNull();
    expect(answer.headers.get("access-control-allow-credentials")).toBeNull();
    expect(answer.headers.get("vary")).toContain("Origin");
    expect((await preflight("/api/v1/photos", origin)).status).toBe(401);
    const change = await api.postJson("/api/v1/albums", { name: "a" }, { authorization, origin });
    expect(change.status).toBe(403);
  }
});

test("a front end cannot read a link's pages and pictures", async () => {
  const key = "k".repeat(43);
  for (const path of [`/s/${key}`, `/api/v1/share/${key}`, `/api/v1/share/${key}/photos`]) {
    expect(allowed(await api.request(path, { headers: { origin: ours } }))).toBeNull();
    const asked = await preflight(path, ours);
    expect(asked.status).not.toBe(204);
    expect(allowed(asked)).toBeNull();
  }
  const links = { headers: { origin: ours, authorization } };
  expect(allowed(await api.request("/api/v1/share/links", links))).toBe(ours);
});

test("without CORS_ORIGINS no origin is allowed, and an unknown Host is refused before a preflight is answered", async () => {
  const answer = await closed.request("/api/v1/photos", {
    headers: { origin: ours, authorization },
  });
  expect(allowed(answer)).toBeNull();
  expect((await preflight("/api/v1/photos", ours, closed)).status).toBe(401);
  const host = "evil.example";
  const foreign = await api.request("/api/v1/photos", { method: "OPTIONS", headers: { host } });
  expect(foreign.status).toBe(403);
});

test("CORS_ORIGINS takes exact origins only", () => {
  const load = (CORS_ORIGINS: string) =>
    loadConfig({ DATABASE_URL: "postgres://gallery@127.0.0.1/gallery", CORS_ORIGINS });
  expect(load("https://A.example.org:443/, http://localhost:5173").http.corsOrigins).toEqual([
    "https://a.example.org",
    "http://localhost:5173",
  ]);
  for (const wrong of ["*", "https://*.example.org", "https://a.example/b", "a.example", "null"]) {
    expect(() => load(wrong)).toThrow(ConfigError);
  }
});
