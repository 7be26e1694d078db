import { afterAll, beforeAll, beforeEach, expect, test } from "bun:test";
import type { Client } from "@temporalio/client";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { watchModels } from "#activities/backend/model-watch";
import { putInForce } from "#db/queries/backends/in-force";
import { type Simulator, startSimulator } from "#simulators/invokeai/start";
import { createTestDatabase } from "#tests/support/database";
import { until } from "#tests/support/wait";

let simulator: Simulator;
let rented: Simulator;
let database: Awaited<ReturnType<typeof createTestDatabase>>;
beforeAll(async () => {
  [simulator, rented] = await Promise.all([startSimulator(), startSimulator()]);
  database = await createTestDatabase();
});
beforeEach(() => database.db.transaction((tx) => putInForce(tx, "local")));
afterAll(async () => {
  await Promise.all([simulator.stop(), rented.stop()]);
  await database.drop();
});

/** A watch, and the schedules that it triggered. */
async function watch() {
  const triggered: string[] = [];
  const schedule = {
    getHandle: (id: string) => ({
      trigger: async (overlap: string) => triggered.push(`${id} ${overlap}`),
    }),
  };
  const end = new AbortController();
  const faults: unknown[] = [];
  const timeouts = { connectionTimeoutMs: 1_000, readTimeoutMs: 1_000 };
  const connect = ({ url: baseUrl }: Simulator) => createInvokeAiClient({ baseUrl, ...timeouts });
  const [client, rentedClient] = [connect(simulator), connect(rented)];
  void watchModels(
    {
      database,
      invokeai: async (place) => (place === "local" ? client : rentedClient),
      temporal: { schedule } as unknown as Client,
    },
    {
      quietMs: 100,
      placeCheckMs: 100,
      onFault: (error) => void faults.push(error),
      signal: end.signal,
    },
  );
  await simulator.control.until(({ subscribers }) => subscribers > 0);
  // The watch starts with a refresh, because earlier events were missed.
  await until("the first refresh", () => triggered.length > 0);
  return { triggered, faults, end };
}

test("models installed in quick succession cause fewer refreshes than models, and a lost connection causes another one", async () => {
  const { triggered, faults, end } = await watch();
  const { control } = simulator;
  const before = triggered.length;
  const names = ["Night Rain", "Morning Fog", "Noon Heat", "Evening Calm"];
  await Promise.all(names.map((name) => control.installModel({ name, base: "sdxl" })));
  await until("another refresh", () => triggered.length > before);
  // Each of the four caused two events.
  const afterwards = triggered.length;
  expect(afterwards - before).toBeLessThan(names.length);
  // Events during the interruption were missed.
  await control.dropSockets();
  await until("one more refresh", () => triggered.length > afterwards);
  // Buffered: a refresh that is running may have read the list already.
  expect(new Set(triggered)).toEqual(new Set(["housekeeping/refresh-models BUFFER_ONE"]));
  expect(faults).toEqual([]);
  end.abort();
  await control.until(({ sockets }) => sockets === 0);
});

test("the watch moves to the place in force", async () => {
  const { triggered, end } = await watch();
  const before = triggered.length;
  await database.db.transaction((tx) => putInForce(tx, "volume:v"));
  await rented.control.until(({ subscribers }) => subscribers > 0);
  await simulator.control.until(({ sockets }) => sockets === 0);
  await until("a refresh of the other list", () => triggered.length > before);
  end.abort();
});
