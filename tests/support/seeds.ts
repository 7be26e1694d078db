import type { SimulatorState } from "#dev/simulators/invokeai/control";

const ascending = (one: number, other: number) => one - other;
const known = (seeds: (number | null)[]) =>
  seeds.filter((seed) => seed !== null).toSorted(ascending);

/** Every seed that was ever asked for, as often as it was asked for. */
export function askedSeeds({ enqueues }: SimulatorState): number[] {
  return known(enqueues.flatMap((enqueue) => enqueue.seeds));
}

/** Every seed that a picture was made of, as often as it was made. */
export function madeSeeds({ generated }: SimulatorState): number[] {
  return known(generated.map((image) => image.seed));
}
