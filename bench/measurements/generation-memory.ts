import { createApiClient } from "#stack/demo/client";
import { chooseModel } from "#stack/demo/steps";
import { openSession, runStep } from "../generation-steps";
import { readMemory } from "../memory";
import type { MeasureOptions } from "../options";
import { median } from "../rounds";
import type { BenchStack } from "../stack";
import type { Row } from "../table";

const atOnce = 4;

/** The worker's memory over many steps: the last fifth against the second fifth, when all caches are filled. */
export async function measureMemory(
  stack: BenchStack,
  { isShort }: MeasureOptions,
): Promise<Row[]> {
  const api = createApiClient(stack.url, {});
  const { key } = await chooseModel(api);
  const asked = { model_key: key, batch_size: 1, width: 256, height: 256, steps: 1 };
  const steps = isShort ? 10 : 500;
  const held: number[] = [];
  let begun = 0;
  const work = async () => {
    const session = await openSession(api);
    while (begun++ < steps) {
      await runStep(api, session, asked, 50 * atOnce);
      const memory = await readMemory(stack.worker.pid);
      if (memory) held.push(memory.now);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, work));
  const fifth = Math.floor(held.length / 5);
  if (fifth === 0) return [];
  return [
    {
      what: `the worker's memory in the last fifth of ${steps} steps`,
      ours: median(held.slice(-fifth)),
      unit: "MB",
      baseline: { what: "in the second fifth", value: median(held.slice(fifth, 2 * fifth)) },
      aim: { atMost: 1.1 },
    },
  ];
}
