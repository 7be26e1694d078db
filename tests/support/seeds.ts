import type { SimulatorState } from "#simulators/invokeai/control";

const ascending = (one: number, other: number) => one - other;
const known = (seeds: (number | null)[]) =>
  seeds.filter((seed) => seed !== null).toSorted(ascending);

/** Every seed that was enqueued, once per request. */
export function askedSeeds({ enqueues }: SimulatorState): number[] {
  return known(enqueues.flatMap((enqueue) => enqueue.seeds));
}

/** Every seed that an image was generated with, once per image. */
export function madeSeeds({ generated }: SimulatorState): number[] {
  return known(generated.map((image) => image.seed));
}

/** The seeds of each batch that the simulator accepted for a step, in order. */
export function batchesOf({ enqueues }: SimulatorState, stepId: string): (number | null)[][] {
  return enqueues
    .filter(({ batchId, enqueued }) => batchId.startsWith(stepId) && enqueued > 0)
    .map(({ seeds }) => seeds);
}

/** Every image that the simulator generated for a step. */
export function imagesOf({ generated }: SimulatorState, stepId: string) {
  return generated.filter(({ batchId }) => batchId.startsWith(stepId));
}

/** The seeds of these images; -1 for an image without one. */
export function seedsOf(state: SimulatorState, stepId: string): number[] {
  return imagesOf(state, stepId)
    .map(({ seed }) => seed ?? -1)
    .toSorted(ascending);
}
