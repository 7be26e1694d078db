import { between, createRandom } from "#simulators/invokeai/random";

export type Draw = ReturnType<typeof createDraw>;

/** Draws that follow from the seed alone. */
export function createDraw(seed: number) {
  const random = createRandom(seed);
  return {
    ms: (low: number, high: number) => Math.round(between(random, low, high)),
    below: (limit: number) => Math.floor(random() * limit),
    oneOf: <T>(choices: readonly T[]): T => choices[Math.floor(random() * choices.length)]!,
    chance: (share: number) => random() < share,
  };
}
