import { createApiClient, type ApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { median } from "../rounds";
import { readProcessorSeconds } from "../processor-time";
import {
  countEvents,
  readShares,
  type SessionRun,
  type Share,
  shareNames,
} from "../session-shares";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const sessionsInTurn = 12;
const atOnce = 4;
const seconds = 15;
const batchSize = 4;

/** Sessions of one step: the duration of one, how it is divided, and how many per minute when several run at once. */
export async function measureSessions(stack: BenchStack): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const model = await chooseModel(api);
  const run = () => runSession(api, model.key);
  // The first one reads models and fills caches.
  await run();

  const times: number[] = [];
  const shares: Record<Share, number>[] = [];
  const events: number[] = [];
  for (let round = 0; round < sessionsInTurn; round += 1) {
    const session = await run();
    times.push(session.endedAt - session.requestedAt);
    shares.push(await readShares(stack.temporal, session));
    events.push(await countEvents(stack.temporal, session));
  }

  const processes = { worker: stack.worker.pid, Temporal: stack.services.temporal.pid };
  const before = await readTimes(processes);
  const endsAt = performance.now() + seconds * 1_000;
  const startedAt = performance.now();
  let done = 0;
  const work = async () => {
    for (; performance.now() < endsAt; done += 1) await run();
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const perMinute = done / ((performance.now() - startedAt) / 60_000);

  const after = await readTimes(processes);

  const what = `session of one step, batch ${batchSize}`;
  return [
    {
      what: `${what}: POST to completed`,
      ours: median(times) / 1_000,
      unit: "s",
      aim: { atMost: 1 },
    },
    ...shareNames.map((name) => ({
      what: `… of it ${name}`,
      ours: median(shares.map((share) => share[name])) / 1_000,
      unit: "s",
    })),
    { what: `${what}, events of all its runs in Temporal`, ours: median(events), unit: "" },
    { what: `${what}, ${atOnce} at once`, ours: perMinute, unit: "/min" },
    ...Object.keys(processes).map((name) => ({
      what: `… processor time of ${name} per image`,
      ours: ((after[name]! - before[name]!) * 1_000) / (done * batchSize),
      unit: "ms",
    })),
  ];
}

async function readTimes(pids: Record<string, number>): Promise<Record<string, number>> {
  const times = Object.entries(pids).map(
    async ([name, pid]) => [name, (await readProcessorSeconds(pid)) ?? Number.NaN] as const,
  );
  return Object.fromEntries(await Promise.all(times));
}

type Step = { status: string; completed_at?: string };

async function runSession(api: ApiClient, modelKey: string): Promise<SessionRun> {
  const entry = { entry_type: "scratch" };
  const session = await api.call<{ id: string }>("POST", "/generation/sessions", entry);
  const requestedAt = Date.now();
  const step = await api.call<{ id: string }>("POST", `/generation/sessions/${session.id}/steps`, {
    prompt: "hills by the sea",
    parameters: { model_key: modelKey, batch_size: batchSize },
  });
  for (;;) {
    const { status, completed_at } = await api.call<Step>("GET", `/generation/steps/${step.id}`);
    if (status === "completed" && completed_at !== undefined) {
      const endedAt = Date.parse(completed_at);
      await api.call("PATCH", `/generation/sessions/${session.id}`, { status: "completed" });
      return { sessionId: session.id, stepId: step.id, requestedAt, endedAt };
    }
    if (status === "failed" || status === "cancelled") throw new Error(`a step ended as ${status}`);
    // The row has the exact time; polling more often would disturb the measurement.
    await Bun.sleep(50);
  }
}
