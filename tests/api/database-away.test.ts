import { afterAll, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createDatabaseProbe } from "#api/database-watch";
import { openDatabase } from "#db/client";
import { createTestApi } from "#tests/support/api";
import { startLine } from "#tests/support/line";
import { formOf, pngOfShade } from "#tests/support/uploads";

const api = await createTestApi();
afterAll(() => api.close());

/** The same api, with its database behind a line that a test holds. */
async function behindALine() {
  const real = new URL(api.deps.config.secrets.databaseUrl);
  const line = await startLine({ host: real.hostname, port: Number(real.port) });
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
  expect(performance.now() - asked).toBeLessThan(5_000);
}

const routes: [string, RequestInit][] = [
  ["/api/v1/photos", {}],
  [`/api/v1/photos/${crypto.randomUUID()}`, {}],
  [`/api/v1/photos/${crypto.randomUUID()}/thumbnail`, {}],
  [`/api/v1/photos/${crypto.randomUUID()}`, { method: "DELETE" }],
];

test("a database that refuses: 503 database_unavailable within 5 s, also for an upload, which leaves nothing", async () => {
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
}, 30_000);

test("a database that takes the connection and says nothing: 503 within 5 s", async () => {
  const { line, ask, close } = await behindALine();
  line.silence();
  await Promise.all(routes.map(([path, init]) => expectUnavailable(ask(path, init))));
  await close();
}, 30_000);

test("a database that freezes in the middle: 503 within 5 s, and answers again when it thaws", async () => {
  const { line, ask, close } = await behindALine();
  await Promise.all(routes.map(([path]) => ask(path)));
  line.silence();
  await Promise.all(routes.map(([path, init]) => expectUnavailable(ask(path, init))));
  line.speak();
  expect((await ask("/api/v1/photos")).status).toBe(200);
  await close();
}, 30_000);

test("a slow answer of a database that lives is waited for", async () => {
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
}, 30_000);
