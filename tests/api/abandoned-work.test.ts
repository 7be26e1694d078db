import { afterAll, describe, expect, test } from "bun:test";
import { createApp } from "#api/app";
import { createDatabaseProbe, unlessDatabaseIsAway } from "#api/http/database-watch";
import { openDatabase } from "#db/client";
import { untilAborted } from "#db/abandon";
import { albums } from "#db/schema/albums";
import { sessions } from "#db/schema/sessions";
import { templates } from "#db/schema/templates";
import { createTestApi } from "#tests/support/api";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { until } from "#tests/support/wait";

const api = await createTestApi();
const { db } = api.deps.database;
afterAll(() => api.close());

/** The same api, with its database behind a line that a test holds. */
async function behindALine(maxConnections: number) {
  const real = new URL(api.deps.config.secrets.databaseUrl);
  const line = await startTcpProxy({ host: real.hostname, port: Number(real.port) });
  const url = line.through(real.href);
  const database = openDatabase(url, { maxConnections, applicationName: "test-abandoned" });
  const probe = createDatabaseProbe(url);
  const app = createApp({ ...api.deps, database, databaseIsAway: probe.isAway });
  const post = (path: string, body: unknown) =>
    app.handle(
      new Request(`http://localhost/api/v1${path}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify(body),
      }),
    );
  const close = async () => {
    await line.stop();
    await probe.close();
    await database.close();
  };
  return { line, database, probe, post, close };
}

type Held = Awaited<ReturnType<typeof behindALine>>;

/** Waits until no query of the app is queued in the driver or running in the database. */
async function settled({ database }: Held): Promise<void> {
  await until("a database that has taken all that was sent", async () => {
    await database.sql`select 1`;
    const [busy] = await api.deps.database.sql`
      select count(*)::int as count from pg_stat_activity
      where application_name = 'test-abandoned' and state <> 'idle' and pid <> pg_backend_pid()`;
    return busy!["count"] === 0;
  });
}

const rows = async () => ({
  albums: await db.$count(albums),
  sessions: await db.$count(sessions),
  templates: await db.$count(templates),
});

describe("a request answered with 503 has no effect later", () => {
  test.each([
    ["each statement was already sent", 8],
    ["most statements waited for a connection", 1],
  ])(
    "where %s",
    async (_where, connections) => {
      const held = await behindALine(connections);
      const before = await rows();
      // Opens all connections, so that statements are sent at once.
      for (let at = 0; at < connections; at += 1) await held.database.sql`select 1`;
      held.line.stall();
      const refused = await Promise.all([
        held.post("/albums", { name: "later" }),
        held.post("/templates", { name: "later", prompt_text: "later" }),
        held.post("/generation/sessions", { entry_type: "scratch" }),
        held.post("/albums", { name: "later still" }),
      ]);
      expect(refused.map(({ status }) => status)).toEqual([503, 503, 503, 503]);
      held.line.resume();
      await settled(held);
      expect(await rows()).toEqual(before);
      // A later request takes effect.
      expect((await held.post("/albums", { name: "now" })).status).toBe(201);
      await held.close();
    },
    30_000,
  );

  test("in a transaction whose last statement was already sent", async () => {
    const held = await behindALine(2);
    const before = await rows();
    const frozen = Promise.withResolvers<void>();
    const work = () =>
      held.database.db.transaction(async (tx) => {
        await tx.insert(albums).values({ id: crypto.randomUUID(), name: "in a transaction" });
        held.line.stall();
        frozen.resolve();
        await tx.insert(albums).values({ id: crypto.randomUUID(), name: "the last" });
      });
    const refused = unlessDatabaseIsAway(work, held.probe.isAway).catch((error: Error) => error);
    await frozen.promise;
    expect(await refused).toMatchObject({ code: "database_unavailable" });
    held.line.resume();
    await settled(held);
    expect(await rows()).toEqual(before);
    await held.close();
  }, 60_000);

  test("and runs no later step", async () => {
    const abort = new AbortController();
    const reached: string[] = [];
    const work = untilAborted(abort.signal, async () => {
      await db.select().from(albums).limit(1);
      reached.push("read");
      abort.abort();
      await db.insert(albums).values({ id: crypto.randomUUID(), name: "after" });
      reached.push("written");
    });
    const cause = await work.catch((error: Error) => error.cause);
    expect(cause).toMatchObject({ code: "CONNECTION_DESTROYED" });
    expect(reached).toEqual(["read"]);
  });
});

describe("work that is not abandoned", () => {
  const live = <T>(work: () => T) => untilAborted(new AbortController().signal, work);

  test("writes, reads its own rows, and fails with the database's own error", async () => {
    const id = crypto.randomUUID();
    await live(() => db.insert(albums).values({ id, name: "kept" }));
    const again = live(() => db.insert(albums).values({ id, name: "kept" }));
    const cause = await again.then(
      () => undefined,
      (error: Error) => error.cause,
    );
    expect(cause).toMatchObject({ code: "23505" });
    const found = await live(() =>
      db.update(albums).set({ name: "renamed" }).returning({ name: albums.name }),
    );
    expect(found).toContainEqual({ name: "renamed" });
  });

  test("commits its transactions, including nested ones", async () => {
    const [outer, inner, lost] = [crypto.randomUUID(), crypto.randomUUID(), crypto.randomUUID()];
    await live(() =>
      db.transaction(async (tx) => {
        await tx.insert(albums).values({ id: outer, name: "outer" });
        await tx.transaction((nested) =>
          nested.insert(albums).values({ id: inner, name: "inner" }),
        );
        const undone = tx.transaction(async (nested) => {
          await nested.insert(albums).values({ id: lost, name: "lost" });
          throw new Error("undone");
        });
        await undone.catch(() => {});
      }),
    );
    const ids = (await db.select({ id: albums.id }).from(albums)).map(({ id }) => id);
    expect(ids).toEqual(expect.arrayContaining([outer, inner]));
    expect(ids).not.toContain(lost);
  });
});

describe("a database that answers is not reported as away", () => {
  const block = (ms: number) => {
    for (const end = performance.now() + ms; performance.now() < end;);
  };

  /** The time-out of a check; only time in which the event loop is free counts. */
  const timeoutMs = 300;

  test("while the process is busy for longer than a check may take", async () => {
    const probe = createDatabaseProbe(api.deps.config.secrets.databaseUrl, timeoutMs);
    for (const after of [0, 1, 5]) {
      const checked = probe.isAway();
      await Bun.sleep(after);
      block(2 * timeoutMs);
      expect(await checked).toBe(false);
    }
    await probe.close();
  }, 60_000);

  test("while the process is busy repeatedly", async () => {
    const probe = createDatabaseProbe(api.deps.config.secrets.databaseUrl);
    const blocking = setInterval(() => block(400), 1);
    expect(await probe.isAway()).toBe(false);
    clearInterval(blocking);
    await probe.close();
  }, 60_000);

  test("when its answer arrives together with a failed check", async () => {
    const { promise: answer, resolve } = Promise.withResolvers<string>();
    const isAway = async () => {
      setImmediate(() => resolve("the answer"));
      return true;
    };
    expect(await unlessDatabaseIsAway(() => answer, isAway)).toBe("the answer");
  });
});
