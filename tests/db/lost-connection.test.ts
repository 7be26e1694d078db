import { afterAll, beforeAll, expect, test } from "bun:test";
import { type AddressInfo, createServer } from "node:net";
import postgres from "postgres";
import { isDatabaseAway } from "#api/http/database-faults";
import { openDatabase } from "#db/client";
import { createTestDatabase } from "#tests/support/database";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { until } from "#tests/support/wait";

const real = await createTestDatabase();
afterAll(() => real.drop());
beforeAll(async () => {
  await real.sql`create table written (work text not null, part int not null)`;
});

/** A pool whose connections go through a proxy that the test cuts. They are found by their application name. */
async function throughProxy({ maxConnections = 1 } = {}) {
  const { hostname, port } = new URL(real.url);
  const proxy = await startTcpProxy({ host: hostname, port: Number(port) });
  const applicationName = `lost-${crypto.randomUUID()}`;
  const { sql } = openDatabase(proxy.through(real.url), { maxConnections, applicationName });
  const connections = () => real.sql`
    select query from pg_stat_activity where application_name = ${applicationName}`;
  /** Loses an idle connection: when the server has closed it, the driver has noticed as well. */
  const loseConnection = async () => {
    proxy.cut();
    await until("the end of all connections", async () => (await connections()).length === 0);
    proxy.restore();
  };
  return {
    proxy,
    sql,
    connections,
    loseConnection,
    isSleeping: async () => (await connections()).some((one) => one["query"].includes("pg_sleep")),
    terminate: () => real.sql`
      select pg_terminate_backend(pid) from pg_stat_activity
      where application_name = ${applicationName}`,
    [Symbol.asyncDispose]: async () => {
      await sql.end({ timeout: 1 });
      await proxy.stop();
    },
  };
}

/** How `work` ended within 5 s. Callers handle only one failure: "the database is away". */
async function ending(work: PromiseLike<unknown>): Promise<"done" | "away" | "no answer" | Error> {
  let timer: ReturnType<typeof setTimeout>;
  const silence = new Promise<"no answer">((resolve) => {
    timer = setTimeout(resolve, 5_000, "no answer");
  });
  const answer = work.then(
    () => "done" as const,
    (error: Error) => (isDatabaseAway(error) ? ("away" as const) : error),
  );
  return Promise.race([answer, silence]).finally(() => clearTimeout(timer));
}

const partsOf = async (work: string) =>
  (await real.sql`select part from written where work = ${work} order by part`).map(
    (row) => row["part"] as number,
  );

test("a connection lost between two statements of a transaction fails it, and the pool keeps working", async () => {
  await using held = await throughProxy();
  const { sql, loseConnection } = held;
  let later: Promise<unknown> | undefined;
  const transaction = sql.begin(async (tx) => {
    await tx`select 1`;
    await loseConnection();
    later = ending(tx`select 2`);
    await later;
    throw new Error("rolls back");
  });
  expect(await ending(transaction)).toBe("away");
  await until("the statement after the loss", () => later);
  expect(await later).toBe("away");
  expect(await ending(sql`select 3`)).toBe("done");
}, 60_000);

test("a connection lost during a statement of a transaction fails it, and the pool keeps working", async () => {
  await using held = await throughProxy();
  const { sql, proxy, isSleeping } = held;
  const transaction = ending(sql.begin((tx) => tx`select pg_sleep(60)`));
  await until("the statement", isSleeping);
  proxy.cut();
  expect(await transaction).toBe("away");
  proxy.restore();
  expect(await ending(sql`select 1`)).toBe("done");
}, 60_000);

test("statements of a lost transaction do not run on the connection that replaces its own", async () => {
  await using held = await throughProxy();
  const { sql, loseConnection } = held;
  const work = crypto.randomUUID();
  const reconnected = Promise.withResolvers<void>();
  let later: Promise<unknown> | undefined;
  const transaction = sql.begin(async (tx) => {
    await tx`insert into written values (${work}, 1)`;
    await loseConnection();
    await reconnected.promise;
    later = ending(tx`insert into written values (${work}, 2)`);
    await later;
  });
  expect(await ending(transaction)).toBe("away");
  expect(await ending(sql`select 1`)).toBe("done");
  reconnected.resolve();
  await until("the statement after the loss", () => later);
  expect(await later).toBe("away");
  expect(await ending(sql`select 1`)).toBe("done");
  expect(await partsOf(work)).toEqual([]);
}, 60_000);

test("statements queued behind another one in a lost transaction fail with it", async () => {
  await using held = await throughProxy();
  const { sql, proxy, isSleeping } = held;
  const statements = Promise.withResolvers<Promise<unknown>[]>();
  const transaction = ending(
    sql.begin(async (tx) => {
      const sent = [tx`select pg_sleep(${60})`, tx`select ${1}::int`, tx`select ${2}::int`];
      statements.resolve(sent.map(ending));
      await Promise.all(sent);
    }),
  );
  await until("the first statement", isSleeping);
  const endings = await statements.promise;
  proxy.cut();
  expect(await transaction).toBe("away");
  expect(await Promise.all(endings)).toEqual(["away", "away", "away"]);
}, 60_000);

test("a connection closed by the server does not fail the first query of its successor", async () => {
  await using held = await throughProxy();
  const { sql, isSleeping, terminate } = held;
  const query = ending(sql`select pg_sleep(60)`);
  await until("the query", isSleeping);
  await terminate();
  expect(await query).toBe("away");
  expect(await ending(sql`select 1`)).toBe("done");
}, 60_000);

test("a server that accepts connections and closes them at once fails the query", async () => {
  await using held = await throughProxy();
  const { sql, proxy } = held;
  proxy.cut();
  expect(await ending(sql`select 1`)).toBe("away");
  expect(proxy.refused()).toBeLessThan(5);
  proxy.restore();
  expect(await ending(sql`select 1`)).toBe("done");
}, 60_000);

test("queries on a lost reserved connection fail, and its release does not return it to the pool", async () => {
  await using held = await throughProxy();
  const { sql, loseConnection } = held;
  expect(await ending(sql.reserve().then((reserved) => reserved.release()))).toBe("done");
  const reserved = await sql.reserve();
  await reserved`select 1`;
  await loseConnection();
  expect(await ending(reserved`select 2`)).toBe("away");
  reserved.release();
  expect(await ending(sql`select 3`)).toBe("done");
  expect(await ending(sql`select 4`)).toBe("done");
}, 60_000);

test("a pool closed during the pause before a reconnect stays closed", async () => {
  await using held = await throughProxy();
  const { sql, connections, loseConnection } = held;
  await sql`select 1`;
  await loseConnection();
  const query = ending(sql`select 2`);
  await sql.end({ timeout: 0 });
  expect(await query).toBe("away");
  // Longer than the pause plus the time that a connection takes.
  await Bun.sleep(1_000);
  expect((await connections()).length).toBe(0);
}, 60_000);

test("a pool whose connection was lost during a query can be closed", async () => {
  await using held = await throughProxy();
  const { sql, proxy, isSleeping } = held;
  const query = ending(sql`select pg_sleep(60)`);
  await until("the query", isSleeping);
  const end = ending(sql.end());
  proxy.cut();
  expect(await query).toBe("away");
  expect(await end).toBe("done");
}, 60_000);

test("a cancel that does not reach the server fails only its query", async () => {
  await using held = await throughProxy();
  const { sql, proxy, isSleeping } = held;
  const query = sql`select pg_sleep(60)`;
  const end = ending(query);
  await until("the query", isSleeping);
  query.cancel();
  await proxy.stop();
  expect(await end).toBe("away");
}, 60_000);

/** A server that answers the nth packet of a connection with the nth answer, and resets it after the last one. */
async function startServer(answers: number[][]) {
  const server = createServer((socket) => {
    const left = [...answers];
    socket.on("error", () => {});
    socket.on("data", () => {
      const answer = left.shift();
      if (answer === undefined) socket.resetAndDestroy();
      else socket.write(Buffer.from(answer));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `postgres://nobody:secret@127.0.0.1:${port}/none`,
    [Symbol.asyncDispose]: () => new Promise<void>((resolve) => server.close(() => resolve())),
  };
}

/** "R" (authentication), its length, 0 (success); "Z" (ready for query), its length, "I" (idle). */
const welcome = [82, 0, 0, 0, 8, 0, 0, 0, 0, 90, 0, 0, 0, 5, 73];
/** "R" (authentication), its length, 11 (SASL continue), without the data that has to follow. */
const brokenScram = [82, 0, 0, 0, 8, 0, 0, 0, 11];

test.each([
  ["types", { fetch_types: true }],
  ["the server's state", { fetch_types: false, target_session_attrs: "read-write" as const }],
])(
  "a connection lost while the driver itself queries %s fails the query",
  async (_, options) => {
    await using server = await startServer([welcome]);
    const sql = postgres(server.url, { max: 1, ...options });
    expect(await ending(sql`select 1`)).toBe("away");
    await sql.end({ timeout: 1 });
  },
  60_000,
);

test("a server that violates the authentication protocol fails the query", async () => {
  await using server = await startServer([brokenScram]);
  const sql = postgres(server.url, { max: 1 });
  expect(await ending(sql`select 1`)).toBeInstanceOf(Error);
  await sql.end({ timeout: 1 });
}, 60_000);

test("at whatever moment connections are lost, all queries settle, and transactions are atomic", async () => {
  await using held = await throughProxy({ maxConnections: 2 });
  const { sql, proxy } = held;
  const write = (work: string) =>
    sql.begin(async (tx) => {
      await tx`insert into written values (${work}, 1)`;
      await tx.savepoint((inner) => inner`insert into written values (${work}, 2)`);
      await Promise.all([tx`select 1`, tx`insert into written values (${work}, ${3})`]);
    });
  for (let answers = 1; answers <= 20; answers += 1) {
    proxy.cutAfter(answers);
    const works = [crypto.randomUUID(), crypto.randomUUID()];
    const others = [sql`select 1`, sql.unsafe("select $1::text", ["x".repeat(2_000)])];
    const endings = await Promise.all([...works.map(write), ...others].map(ending));
    proxy.cutAfter(Infinity);
    for (const [index, work] of works.entries()) {
      const parts = await partsOf(work);
      // When the answer to a COMMIT is lost, either result is correct.
      expect([[1, 2, 3], ...(endings[index] === "done" ? [] : [[]])]).toContainEqual(parts);
    }
    expect(endings.filter((one) => one !== "done" && one !== "away")).toEqual([]);
    // A connection may end after its last answer, which fails one more query.
    await until("a pool that works again", async () => (await ending(sql`select 1`)) === "done");
  }
}, 90_000);
