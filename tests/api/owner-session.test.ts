import { afterAll, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createTestApi } from "#tests/support/api";

const token = "a-token-of-the-owner";
const [api, open] = await Promise.all([createTestApi({ API_TOKEN: token }), createTestApi()]);
afterAll(() => Promise.all([api.close(), open.close()]));

const path = "/api/v1/auth/session";
const signIn = (given = token, headers: Record<string, string> = {}) =>
  api.postJson(path, { token: given }, headers);

async function cookieOf(answer: Response): Promise<string> {
  expect(answer.status).toBe(204);
  return answer.headers.get("set-cookie")!.split(";", 1)[0]!;
}

test("signing in with the token sets a cookie for 30 days that scripts cannot read and other sites cannot use", async () => {
  const answer = await signIn();
  expect(answer.headers.get("set-cookie")).toMatch(
    /^gallery_session=\d+\.[\w-]{43}; Path=\/; Max-Age=2592000; HttpOnly; SameSite=Strict$/,
  );
  expect(answer.headers.get("cache-control")).toBe("no-store");
});

test("over https the cookie is Secure", async () => {
  const request = new Request(`https://localhost${path}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ token }),
  });
  const answer = await createApp(api.deps).handle(request);
  expect(answer.headers.get("set-cookie")).toEndWith("; SameSite=Strict; Secure");
});

test("the cookie replaces the token for lists, images and event streams", async () => {
  const cookie = await cookieOf(await signIn());
  expect((await api.request("/api/v1/photos", { headers: { cookie } })).status).toBe(200);
  const picture = `/api/v1/photos/${crypto.randomUUID()}/thumbnail`;
  expect((await api.request(picture, { headers: { cookie } })).status).toBe(404);
  expect((await api.request(picture)).status).toBe(401);
  const stream = await api.request("/api/v1/events", { headers: { cookie: `a=b; ${cookie}` } });
  expect(stream.headers.get("content-type")).toStartWith("text/event-stream");
  await stream.body?.cancel();
});

test("a wrong token in the header is refused even with a valid cookie", async () => {
  const cookie = await cookieOf(await signIn());
  const headers = { cookie, authorization: "Bearer something-else" };
  expect((await api.request("/api/v1/photos", { headers })).status).toBe(401);
});

test("a change by cookie is refused when it comes from another site", async () => {
  const cookie = await cookieOf(await signIn());
  const change = (headers: Record<string, string>) =>
    api.postJson("/api/v1/albums", { name: "a" }, { cookie, ...headers });
  expect((await change({ origin: "http://localhost" })).status).toBe(201);
  expect((await change({ origin: "https://evil.example" })).status).toBe(403);
  expect((await change({ "sec-fetch-site": "same-site" })).status).toBe(403);
});

test("a cookie is invalid if it was altered, has expired, or the token has changed", async () => {
  const cookie = await cookieOf(await signIn());
  const ask = async (given: string, deps = api.deps) => {
    const request = new Request("http://localhost/api/v1/albums", { headers: { cookie: given } });
    return (await createApp(deps).handle(request)).status;
  };
  expect(await ask(cookie)).toBe(200);
  const [name, end, mac] = cookie.split(/[=.]/);
  expect(await ask(`${name}=${Number(end) + 1}.${mac}`)).toBe(401);
  expect(await ask(`${name}=${end}.${mac!.slice(1)}`)).toBe(401);
  expect(await ask(`${name}=`)).toBe(401);
  const later = (days: number) => new Date(Date.now() + days * 86_400_000);
  expect(await ask(cookie, { ...api.deps, now: () => later(29) })).toBe(200);
  expect(await ask(cookie, { ...api.deps, now: () => later(31) })).toBe(401);
  const { config } = api.deps;
  const secrets = { ...config.secrets, apiToken: "another-token-of-the-owner" };
  expect(await ask(cookie, { ...api.deps, config: { ...config, secrets } })).toBe(401);
});

test("signing out clears the cookie, also an invalid one", async () => {
  const answer = await api.request(path, { method: "DELETE" });
  expect(answer.status).toBe(204);
  expect(answer.headers.get("set-cookie")).toStartWith("gallery_session=; Path=/; Max-Age=0;");
});

test("a wrong token is 401; too many attempts are 429, even with the right token", async () => {
  expect((await signIn("wrong")).status).toBe(401);
  let status = 401;
  for (let n = 0; n < 100 && status === 401; n += 1) status = (await signIn("wrong")).status;
  expect(status).toBe(429);
  const refused = await signIn();
  expect(refused.status).toBe(429);
  expect(Number(refused.headers.get("retry-after"))).toBeGreaterThan(0);
});

test("another site cannot sign the owner in or out", async () => {
  expect((await signIn(token, { origin: "https://evil.example" })).status).toBe(403);
  const out = { method: "DELETE", headers: { "sec-fetch-site": "cross-site" } };
  expect((await api.request(path, out)).status).toBe(403);
});

test("signing in at a server without a token is a 409 that says so", async () => {
  const answer = await open.postJson(path, { token });
  expect(answer.status).toBe(409);
  expect(await answer.text()).toContain("No API_TOKEN is set");
});
