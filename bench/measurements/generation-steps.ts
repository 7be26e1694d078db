import { createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { openSession, runStep } from "../generation-steps";
import type { MeasureOptions } from "../options";
import { runScript } from "../script";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const sessionCounts = [1, 4, 16] as const;

/** The overhead of a step beyond InvokeAI's own time, and steps per minute when several sessions request them. */
export async function measureSteps(stack: BenchStack, { isShort }: MeasureOptions): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const { key } = await chooseModel(api);
  const asked = { model_key: key, batch_size: 1, width: 512, height: 512, steps: 20 };
  const session = await openSession(api);
  // The first one reads models and fills caches.
  await runStep(api, session, asked);

  const overheads: number[] = [];
  for (let pair = 0; pair < (isShort ? 3 : 60); pair += 1) {
    const ours = await runStep(api, session, asked);
    const work = { invokeaiUrl: stack.simulatorUrl, batchId: ours.batchId, images: 1 };
    const plain = await runScript<number>("baseline-batch", work);
    overheads.push(ours.endedAt - ours.requestedAt - plain);
  }
  const rows: Row[] = [0.5, 0.95].map((share) => ({
    what: `a step of one image, beyond the simulator's own time, p${share * 100}`,
    ours: at(overheads, share),
    unit: "ms",
    ...(share === 0.5 && { aim: { atMost: 450 } }),
  }));
  for (const sessions of sessionCounts) {
    const perMinute = await countSteps(stack, sessions, isShort ? 3 : 30, asked);
    rows.push({ what: `steps of one image, ${sessions} sessions`, ours: perMinute, unit: "/min" });
  }
  return rows;
}

async function countSteps(
  stack: BenchStack,
  sessions: number,
  seconds: number,
  asked: Parameters<typeof runStep>[2],
): Promise<number> {
  const api = createApiClient(stack.url, {});
  const startedAt = performance.now();
  const endsAt = startedAt + seconds * 1_000;
  let done = 0;
  const work = async () => {
    const session = await openSession(api);
    // All of them together poll as often as one alone.
    const pauseMs = 50 * sessions;
    for (; performance.now() < endsAt; done += 1) await runStep(api, session, asked, pauseMs);
  };
  await Promise.all(Array.from({ length: sessions }, work));
  return done / ((performance.now() - startedAt) / 60_000);
}

function at(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
