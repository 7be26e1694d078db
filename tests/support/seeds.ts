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

/** The seeds of each batch that the simulator took for a step, in order. */
export function batchesOf({ enqueues }: SimulatorState, stepId: string): (number | null)[][] {
  return enqueues
    .filter(({ batchId, enqueued }) => batchId.startsWith(stepId) && enqueued > 0)
    .map(({ seeds }) => seeds);
}

/** Every image that the simulator made for a step. */
export function imagesOf({ generated }: SimulatorState, stepId: string) {
  return generated.filter(({ batchId }) => batchId.startsWith(stepId));
}

/** The seeds of these; -1 where one has none. */
export function seedsOf(state: SimulatorState, stepId: string): number[] {
  return imagesOf(state, stepId)
    .map(({ seed }) => seed ?? -1)
    .toSorted(ascending);
}
