import { afterAll, describe, expect, test } from "bun:test";
import { createTestApi } from "#tests/support/api";

const token = "a-token-of-the-owner";
const open = await createTestApi();
const guarded = await createTestApi({
  API_TOKEN: token,
  PUBLIC_URL: "https://photos.example.org",
  ALLOWED_HOSTS: "nas.local",
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

/** Every operation of the document, with the parameters of its path filled in. */
async function everyOperation() {
  const document = (await (await guarded.request("/docs/json")).json()) as OpenApi;
  return Object.entries(document.paths).flatMap(([pattern, item]) =>
    Object.entries(item).map(([method, { security }]) => ({
      name: `${method.toUpperCase()} ${pattern}`,
      method: method.toUpperCase(),
      path: pattern
        .replaceAll(/\{key\}/g, "k".repeat(43))
        .replaceAll(/\{\w+\}/g, crypto.randomUUID()),
      isPublic: security?.length === 0,
    })),
  );
}

type OpenApi = { paths: Record<string, Record<string, { security?: unknown[] }>> };
const isVisitors = (name: string) => / \/(api\/v1\/share|s)\/\{key\}/.test(name);

describe("every route of the document refuses", () => {
  /** Calls every route; lists those whose status is not the expected one. */
  async function walk(
    headers: Record<string, string>,
    statusOf: (route: { name: string; method: string; isPublic: boolean }) => number | undefined,
  ): Promise<string[]> {
    const wrong: string[] = [];
    let asked = 0;
    for (const route of await everyOperation()) {
      const wanted = statusOf(route);
      if (wanted === undefined) continue;
      asked += 1;
      const { status } = await guarded.request(route.path, { method: route.method, headers });
      if (status !== wanted) wrong.push(`${route.name}: ${status}`);
    }
    expect(asked).toBeGreaterThan(20);
    return wrong;
  }
  const owners = (status: number) => (route: { isPublic: boolean }) =>
    route.isPublic ? undefined : status;

  test("a request without a token, except public routes", async () => {
    expect(await walk({}, owners(401))).toEqual([]);
  });

  test("a wrong token, except public routes", async () => {
    expect(await walk({ authorization: `Bearer ${token}x` }, owners(401))).toEqual([]);
    expect(await walk({ cookie: "gallery_session=9999999999.x" }, owners(401))).toEqual([]);
  });

  test("an unknown Host, with or without the token, including public routes", async () => {
    const host = "evil.example";
    expect(await walk({ host }, () => 403)).toEqual([]);
    expect(await walk({ host, authorization: `Bearer ${token}` }, () => 403)).toEqual([]);
  });

  test("a change that a browser marks as from another site, except visitors' routes", async () => {
    const authorization = `Bearer ${token}`;
    const changes = ({ name, method }: { name: string; method: string }) =>
      method === "GET" || isVisitors(name) ? undefined : 403;
    const marks: Record<string, string>[] = [
      { "sec-fetch-site": "cross-site" },
      { "sec-fetch-site": "same-site" },
      { origin: "https://evil.example" },
      { origin: "null" },
    ];
    for (const mark of marks) {
      expect({ mark, wrong: await walk({ authorization, ...mark }, changes) }).toEqual({
        mark,
        wrong: [],
      });
    }
  });
});

test("only liveness, the browser session and the routes below a link's key are public; a path that merely shares their prefix is not", async () => {
  const isPublic = (await everyOperation()).filter((route) => route.isPublic);
  const ofTheOwner = isPublic.map(({ name }) => name).filter((name) => !isVisitors(name));
  expect(ofTheOwner.toSorted()).toEqual([
    "DELETE /api/v1/auth/session",
    "GET /health",
    "GET /health/live",
    "POST /api/v1/auth/session",
  ]);
  for (const path of ["/api/v1/share/links", "/api/v1/share/create", "/health/ready"]) {
    expect((await guarded.request(path)).status).toBe(401);
  }
  expect((await guarded.request(`/api/v1/share/${"k".repeat(43)}`)).status).toBe(404);
});

describe("token", () => {
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

  test("an unknown path answers 401 too, so that it does not reveal which paths exist", async () => {
    expect((await guarded.request("/api/v1/nothing")).status).toBe(401);
  });

  test("if no token is configured, none is required", async () => {
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

  test("a visitor's form with Origin: null is accepted by a public route", async () => {
    const path = `/s/${"k".repeat(43)}/unlock`;
    const answer = await guarded.request(path, {
      method: "POST",
      headers: { origin: "null", "content-type": "application/x-www-form-urlencoded" },
      body: "password=guess",
    });
    expect(answer.status).toBe(404);
  });

  test("a read is not refused because of its origin", async () => {
    const answer = await open.request("/api/v1/photos", {
      headers: { origin: "http://evil.example" },
    });
    expect(answer.status).toBe(200);
    expect(answer.headers.get("access-control-allow-origin")).toBeNull();
  });
});
