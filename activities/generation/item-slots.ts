import { countCombinations } from "#recipes/combinations";
import type { Step } from "#db/schema/steps";

/**
 * How slots relate to InvokeAI's items: an item makes all pictures of one seed and combination. A plain step has one combination, and one
 * picture for each seed, so that slots and items have the same numbers.
 */
type Layout = { items: number; outputs: number };

function layoutOf(step: Pick<Step, "parameters">): Layout {
  const { batchSize, recipe } = step.parameters;
  return { items: batchSize * combinationsIn(step), outputs: recipe?.outputs ?? 1 };
}

/** How many combinations of its lists a step draws, each with all seeds. */
export function combinationsIn({ parameters: { recipe } }: Pick<Step, "parameters">): number {
  return recipe ? countCombinations(recipe.axes ?? [], recipe.inputs) : 1;
}

/** The combination that a slot belongs to, from 0. */
export function combinationOf(step: Step, slotIndex: number): number {
  return Math.floor(itemOf(step, slotIndex).item / step.parameters.batchSize);
}

/** Of these slots those of the first combination: a batch has one graph, with the values of one. */
export function firstCombination(step: Step, slotIndexes: readonly number[]): number[] {
  const first = Math.min(...slotIndexes.map((index) => combinationOf(step, index)));
  return slotIndexes.filter((index) => combinationOf(step, index) === first);
}

/** An output's further pictures follow behind the slots that the step was requested with, in rounds of the same order. */
const maxSlotIndex = 32_767;

/** The slot of the `nth` picture, from 0, of an output of an item; undefined: more than a step can hold. */
export function slotIndexOf(
  step: Step,
  picture: { item: number; output: number; nth: number },
): number | undefined {
  const { items, outputs } = layoutOf(step);
  const { item, output, nth } = picture;
  if (item >= items || output >= outputs) return undefined;
  const index = nth * items * outputs + item * outputs + output;
  return index > maxSlotIndex ? undefined : index;
}

/** The item that makes the picture of a slot, and which of its outputs that is. */
export function itemOf(step: Step, slotIndex: number): { item: number; output: number } {
  const { items, outputs } = layoutOf(step);
  const inRound = slotIndex % (items * outputs);
  return { item: Math.floor(inRound / outputs), output: inRound % outputs };
}
