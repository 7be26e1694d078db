import { afterAll, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createDatabaseProbe } from "#api/http/database-watch";
import { openDatabase } from "#db/client";
import { createTestApi } from "#tests/support/api";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { formOf, pngOfShade } from "#tests/support/uploads";
import { until } from "#tests/support/wait";

const api = await createTestApi();
afterAll(() => api.close());

/** The same api, with its database behind a line that a test holds. */
async function behindALine() {
  const real = new URL(api.deps.config.secrets.databaseUrl);
  const line = await startTcpProxy({ host: real.hostname, port: Number(real.port) });
  const url = line.through(real.href);
  const database = openDatabase(url, { maxConnections: 4, applicationName: "test-line" });
  const probe = createDatabaseProbe(url);
  const app = createApp({ ...api.deps, database, databaseIsAway: probe.isAway });
  return {
    line,
    ask: (path: string, init?: RequestInit) =>
      app.handle(new Request(`http://localhost${path}`, init)),
    close: async () => {
      await line.stop();
      await probe.close();
      await database.close();
    },
  };
}

async function expectUnavailable(answer: Promise<Response>): Promise<void> {
  const asked = performance.now();
  const response = await answer;
  const text = await response.text();
  expect({ status: response.status, text }).toMatchObject({ status: 503 });
  expect(text).toContain('"code":"database_unavailable"');
  expect(Number(response.headers.get("retry-after"))).toBeGreaterThan(0);
  expect(performance.now() - asked).toBeLessThan(10_000);
}

const routes: [string, RequestInit][] = [
  ["/api/v1/photos", {}],
  [`/api/v1/photos/${crypto.randomUUID()}`, {}],
  [`/api/v1/photos/${crypto.randomUUID()}/thumbnail`, {}],
  [`/api/v1/photos/${crypto.randomUUID()}`, { method: "DELETE" }],
];

test("if the database refuses connections: 503 database_unavailable within 5 s, also for an upload, which leaves no file", async () => {
  const { line, ask, close } = await behindALine();
  expect((await ask("/api/v1/photos")).status).toBe(200);
  await line.stop();
  for (const [path, init] of routes) await expectUnavailable(ask(path, init));
  const form = formOf([{ bytes: await pngOfShade(1) }]);
  await expectUnavailable(ask("/api/v1/photos", { method: "POST", body: form }));
  expect(await api.files()).toEqual([]);
  expect((await ask("/health")).status).toBe(200);
  const ready = await ask("/health/ready");
  expect(ready.status).toBe(503);
  expect(await ready.json()).toMatchObject({ status: "unavailable", storage: "ok" });
  await close();
}, 60_000);

test("if the database accepts connections but never answers: 503 within 5 s", async () => {
  const { line, ask, close } = await behindALine();
  line.stall();
  await Promise.all(routes.map(([path, init]) => expectUnavailable(ask(path, init))));
  await close();
}, 60_000);

test("if the database freezes: 503 within 5 s, and requests are answered once it goes on", async () => {
  const { line, ask, close } = await behindALine();
  await Promise.all(routes.map(([path]) => ask(path)));
  line.stall();
  await Promise.all(routes.map(([path, init]) => expectUnavailable(ask(path, init))));
  line.resume();
  expect((await ask("/api/v1/photos")).status).toBe(200);
  await close();
}, 60_000);

test("if the connection is lost anywhere in a transaction: 503 or done, and the next request is answered", async () => {
  const { line, ask, close } = await behindALine();
  const body = JSON.stringify({ name: "lost" });
  const post = { method: "POST", headers: { "content-type": "application/json" }, body };
  const statuses: number[] = [];
  for (let answers = 1; answers <= 8; answers += 1) {
    line.cutAfter(answers);
    const response = await ask("/api/v1/albums", post);
    statuses.push(response.status);
    if (response.status !== 201) await expectUnavailable(Promise.resolve(response));
    line.cutAfter(Infinity);
    await until("an answer", async () => (await ask("/api/v1/albums")).status === 200);
  }
  expect(statuses).toContain(503);
  await close();
}, 60_000);

test("a slow answer of a running database is awaited", async () => {
  const slow = createApp({
    ...api.deps,
    storage: {
      ...api.deps.storage,
      find: async (key) => {
        await api.deps.database.sql`select pg_sleep(3)`;
        return api.deps.storage.find(key);
      },
    },
  });
  const path = `/api/v1/photos/${crypto.randomUUID()}/thumbnail`;
  expect((await slow.handle(new Request(`http://localhost${path}`))).status).toBe(404);
}, 60_000);
