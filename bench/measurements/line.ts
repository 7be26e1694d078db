import { type ApiClient, createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { createSimulatorControl } from "#simulators/invokeai/control-client";
import { waitFor } from "#stack/wait";
import { openSession, runStep } from "../generation-steps";
import type { MeasureOptions } from "../options";
import { readProcessorSeconds } from "../processor-time";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const sessions = 16;

type Asked = Parameters<typeof runStep>[2];

/** What a long line costs: steps a minute without and with it, and processor time while it stands still. */
export async function measureLine(stack: BenchStack, { isShort }: MeasureOptions): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const { key } = await chooseModel(api);
  const asked = { model_key: key, batch_size: 1, width: 64, height: 64, steps: 4 };
  const seconds = isShort ? 5 : 30;
  // Whole minutes: reconcile comes once in each.
  const stillSeconds = isShort ? 5 : 60;
  const settleMs = isShort ? 1_000 : 10_000;
  const waiting = isShort ? 30 : 500;
  // More than can end while the line moves, so that so many wait all the while.
  const inAll = waiting + (isShort ? 20 : 150);
  // The first one reads models and fills caches.
  await runStep(api, await openSession(api), asked);
  const alone = await countSteps(api, seconds, asked);

  const control = createSimulatorControl(stack.simulatorUrl);
  await control.holdStep();
  const [holderId] = await formLine(api, 1, asked);
  await control.until((state) => state.frozen !== null, 60_000);
  await Bun.sleep(settleMs);
  const atRest = await readUse(stack, stillSeconds);
  const formedAt = performance.now();
  const sessionIds = await formLine(api, inAll, asked);
  await waitUntilAllWait(api, stack);
  const forming = (performance.now() - formedAt) / 1_000;
  await Bun.sleep(settleMs);
  const still = await readUse(stack, stillSeconds);
  const before = await countEnded(stack);
  const startedAt = performance.now();
  await control.release();
  const moving = await readUse(stack, seconds);
  const minutes = (performance.now() - startedAt) / 60_000;
  const inLine = ((await countEnded(stack)) - before) / minutes;
  await abandon(api, [holderId!, ...sessionIds]);

  return [
    {
      what: `steps of one small image, ${sessions} sessions`,
      ours: alone,
      unit: "/min",
      aim: { atLeast: 120 },
    },
    {
      what: `the same while ${waiting} steps wait`,
      ours: inLine,
      unit: "/min",
      baseline: { what: `${sessions} sessions`, value: alone },
      aim: { atLeast: 0.9 },
    },
    {
      what: `${inAll} steps asked for, until each has its place`,
      ours: forming,
      unit: "s",
    },
    {
      what: `processor time that ${inAll} waiting steps take while nothing moves`,
      ours: sumOf(still) - sumOf(atRest),
      unit: "% of a core",
      aim: { atMost: 2 },
    },
    ...partsOf("one step held, no line", atRest),
    ...partsOf("the same with the line", still),
    ...partsOf("while the line moves", moving),
  ];
}

async function countSteps(api: ApiClient, seconds: number, asked: Asked): Promise<number> {
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  let done = 0;
  const work = async () => {
    const session = await openSession(api);
    // All of them together look as often as one alone.
    for (; performance.now() < endsAt; done += 1) await runStep(api, session, asked, 50 * sessions);
  };
  await Promise.all(Array.from({ length: sessions }, work));
  return done / ((performance.now() - startedAt) / 60_000);
}

/** One step in each of so many sessions. */
async function formLine(api: ApiClient, amount: number, parameters: Asked): Promise<string[]> {
  const ids: string[] = [];
  const work = async () => {
    while (ids.length < amount) {
      const at = ids.push("") - 1;
      ids[at] = await openSession(api);
      const step = { prompt: "hills by the sea", parameters };
      await api.call("POST", `/generation/sessions/${ids[at]}/steps`, step);
    }
  };
  await Promise.all(Array.from({ length: 4 }, work));
  return ids;
}

type Live = { id: string; status: string; place_in_line?: number };

/** Until each has its place. */
async function waitUntilAllWait(api: ApiClient, { database }: BenchStack): Promise<void> {
  const pending = async () =>
    database.sql<{ id: string }[]>`select id from steps where status = 'pending'`;
  for (const { id } of await pending()) {
    await waitFor(
      async () => {
        const step = await api.call<Live>("GET", `/generation/steps/${id}`);
        return step.status !== "pending" || step.place_in_line !== undefined ? true : undefined;
      },
      { timeoutMs: 300_000, everyMs: 500, onTimeout: () => new Error(`step ${id} has no place`) },
    );
  }
}

async function countEnded({ database }: BenchStack): Promise<number> {
  const [row] = await database.sql<{ ended: number }[]>`
    select count(*)::int as ended from steps where status = 'completed'`;
  return row!.ended;
}

/** Processor time of each part over so many seconds, in percent of a core. */
async function readUse(stack: BenchStack, seconds: number) {
  const parts = {
    worker: stack.worker.pid,
    Temporal: stack.services.temporal.pid,
    api: stack.api.pid,
  };
  const read = async () => {
    const values = await Promise.all(Object.values(parts).map(readProcessorSeconds));
    return values.map((value) => value ?? Number.NaN);
  };
  const startedAt = performance.now();
  const before = await read();
  await Bun.sleep(seconds * 1_000);
  const after = await read();
  const elapsed = (performance.now() - startedAt) / 1_000;
  const use = after.map((value, at) => ((value - before[at]!) / elapsed) * 100);
  const [worker = Number.NaN, temporal = Number.NaN, api = Number.NaN] = use;
  return { worker, Temporal: temporal, api };
}

type Use = Awaited<ReturnType<typeof readUse>>;

const sumOf = ({ worker, Temporal, api }: Use): number => worker + Temporal + api;

function partsOf(when: string, use: Use): Row[] {
  return Object.entries(use).map(([name, ours]) => ({
    what: `${when}: ${name}`,
    ours,
    unit: "% of a core",
  }));
}

/** Nothing of the line is left for whatever is measured next. */
async function abandon(api: ApiClient, sessionIds: readonly string[]): Promise<void> {
  for (const id of sessionIds) {
    await api.call("PATCH", `/generation/sessions/${id}`, { status: "abandoned" });
  }
}
