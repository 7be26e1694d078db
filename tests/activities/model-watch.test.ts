import { afterAll, beforeAll, expect, test } from "bun:test";
import type { Client } from "@temporalio/client";
import { createInvokeAiClient } from "#activities/adapters/invokeai/client";
import { watchModels } from "#activities/model-watch";
import { type Simulator, startSimulator } from "#dev/simulators/invokeai/start";
import { until } from "#tests/support/wait";

let simulator: Simulator;
beforeAll(async () => {
  simulator = await startSimulator();
});
afterAll(() => simulator.stop());

/** A watch, and what it asked the workflow service for. */
async function watch() {
  const asked: string[] = [];
  const schedule = {
    getHandle: (id: string) => ({
      trigger: async (overlap: string) => asked.push(`${id} ${overlap}`),
    }),
  };
  const end = new AbortController();
  const faults: unknown[] = [];
  const timeouts = { connectionTimeoutMs: 1_000, readTimeoutMs: 1_000 };
  const client = createInvokeAiClient({ baseUrl: simulator.url, ...timeouts });
  void watchModels(
    { invokeai: async () => client, temporal: { schedule } as unknown as Client },
    {
      backend: "local",
      quietMs: 100,
      onFault: (error) => void faults.push(error),
      signal: end.signal,
    },
  );
  await simulator.control.until(({ sockets }) => sockets > 0);
  // As something may have been said before.
  await until("the first reading", () => asked.length > 0);
  return { asked, faults, end };
}

test("models installed one after the other are not read one by one, and again after a broken connection", async () => {
  const { asked, faults, end } = await watch();
  const { control } = simulator;
  const before = asked.length;
  const names = ["Night Rain", "Morning Fog", "Noon Heat", "Evening Calm"];
  await Promise.all(names.map((name) => control.installModel({ name, base: "sdxl" })));
  await until("another reading", () => asked.length > before);
  // Each of the four was told twice.
  const afterwards = asked.length;
  expect(afterwards - before).toBeLessThan(names.length);
  // What was said meanwhile was not heard.
  await control.dropSockets();
  await until("one more reading", () => asked.length > afterwards);
  // Behind a run that may have asked already.
  expect(new Set(asked)).toEqual(new Set(["housekeeping/refresh-models BUFFER_ONE"]));
  expect(faults).toEqual([]);
  end.abort();
  await control.until(({ sockets }) => sockets === 0);
});
