import { createSimulatorControl } from "#simulators/invokeai/control-client";
import { type ApiClient, createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { openSession, runStep } from "../generation-steps";
import { readMemory } from "../memory";
import type { MeasureOptions } from "../options";
import { median } from "../rounds";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const stepsAlone = 15;
const pauseMs = 1_000;

/**
 * A gallery of many years is mirrored while steps go on, and its worker is killed in the middle: every picture has to be there
 * once.
 */
export const measureMirrorOf =
  (pictures: number) =>
  (stack: BenchStack, { isShort }: MeasureOptions): Promise<Row[]> =>
    measure(stack, isShort ? 600 : pictures);

async function measure(stack: BenchStack, total: number): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const { key } = await chooseModel(api);
  const session = await openSession(api);
  const asked = { model_key: key, batch_size: 1, width: 256, height: 256, steps: 1 };
  const timeStep = async () => {
    const { requestedAt, endedAt } = await runStep(api, session, asked);
    return endedAt - requestedAt;
  };
  await timeStep();
  const alone: number[] = [];
  for (let at = 0; at < stepsAlone; at += 1) alone.push(await timeStep());

  await createSimulatorControl(stack.simulatorUrl).addPictures(total);
  const startedAt = performance.now();
  await api.call("PATCH", "/settings", { backend: { mirror: "all" } });
  const first = await watch(api, stack.worker.pid, total / 2, timeStep);
  process.kill(-stack.worker.pid, "SIGKILL");
  const killedAt = performance.now();
  const worker = await stack.startWorker(2);
  const before = (await mirrored(api)).taken;
  await until(async () => (await mirrored(api)).taken > before, 200);
  const pauseSeconds = (performance.now() - killedAt) / 1_000;
  const second = await watch(api, worker.pid, total, timeStep);
  const seconds = (performance.now() - startedAt) / 1_000;
  await assertEachOnce(stack, total);

  const fifth = Math.max(1, Math.floor(second.memory.length / 5));
  return [
    { what: `mirror of ${total} pictures of 64², beside steps`, ours: total / seconds, unit: "/s" },
    {
      what: "… a step of one image meanwhile: POST to completed",
      ours: median([...first.steps, ...second.steps]),
      unit: "ms",
      baseline: { what: "without the mirror", value: median(alone) },
      aim: { atMost: 2 },
    },
    { what: "… from a kill of the worker to its next picture", ours: pauseSeconds, unit: "s" },
    {
      what: "… the worker's memory at the end",
      ours: median(second.memory.slice(-fifth)),
      unit: "MB",
      baseline: { what: "after its start", value: median(second.memory.slice(0, fifth)) },
      aim: { atMost: 1.2 },
    },
  ];
}

const mirrored = (api: ApiClient) =>
  api.call<{ taken: number; refused: number }>("GET", "/backend/mirror");

/** Runs one step after another until so many pictures are here. */
async function watch(
  api: ApiClient,
  pid: number,
  wanted: number,
  timeStep: () => Promise<number>,
): Promise<{ steps: number[]; memory: number[] }> {
  const steps: number[] = [];
  const memory: number[] = [];
  for (;;) {
    steps.push(await timeStep());
    const held = await readMemory(pid);
    if (held) memory.push(held.now);
    if ((await mirrored(api)).taken >= wanted) return { steps, memory };
    await Bun.sleep(pauseMs);
  }
}

async function until(isThere: () => Promise<boolean>, everyMs: number): Promise<void> {
  while (!(await isThere())) await Bun.sleep(everyMs);
}

/** @throws Error when a picture is missing, or was made a photo twice */
async function assertEachOnce({ database }: BenchStack, total: number): Promise<void> {
  const [found] = await database.sql<{ photos: number; names: number; seen: number }[]>`
    select count(*)::int as photos, count(distinct filename)::int as names,
      (select count(*)::int from mirrored_images where outcome = 'taken') as seen
    from photos where kind = 'uploaded'`;
  const { photos, names, seen } = found!;
  if (photos !== total || names !== total || seen !== total) {
    throw new Error(`of ${total} pictures ${seen} were taken: ${photos} photos of ${names}`);
  }
}
