import { expect, test } from "bun:test";
import { itemOf, slotIndexOf } from "#activities/generation/item-slots";
import { recipeSpans } from "#activities/generation/recipe-spans";
import type { Step } from "#db/schema/steps";
import type { RecipeTemplate } from "#recipes/recipe";

const stepOf = (batchSize: number, outputs?: number) =>
  ({
    parameters: { batchSize, ...(outputs !== undefined && { recipe: { outputs } }) },
  }) as unknown as Step;

test("a plain step has the same number for an item and its slot", () => {
  const step = stepOf(4);
  for (const index of [0, 3]) {
    expect(itemOf(step, index)).toEqual({ item: index, output: 0 });
    expect(slotIndexOf(step, { item: index, output: 0, nth: 0 })).toBe(index);
  }
});

test("every picture of every output of an item has a slot of its own, and leads back to its item", () => {
  const step = stepOf(3, 2);
  const seen = new Set<number>();
  for (let nth = 0; nth < 50; nth += 1) {
    for (let item = 0; item < 3; item += 1) {
      for (let output = 0; output < 2; output += 1) {
        const index = slotIndexOf(step, { item, output, nth })!;
        expect(itemOf(step, index)).toEqual({ item, output });
        seen.add(index);
      }
    }
  }
  expect(seen.size).toBe(300);
  expect(Math.min(...seen)).toBe(0);
  expect(Math.max(...seen)).toBe(299);
});

test("a picture of an item that was not requested, or beyond what a step can hold, has no slot", () => {
  const step = stepOf(10, 10);
  expect(slotIndexOf(step, { item: 10, output: 0, nth: 0 })).toBeUndefined();
  expect(slotIndexOf(step, { item: 0, output: 10, nth: 0 })).toBeUndefined();
  expect(slotIndexOf(step, { item: 0, output: 0, nth: 400 })).toBeUndefined();
});

test("the progress of a recipe grows from node to node, most of it where it draws", () => {
  const node = (type: string) => ({ type, literals: {} });
  const template = {
    nodes: { out: node("l2i"), n1: node("denoise_latents"), n2: node("noise") },
    edges: [
      { from: ["n1", "latents"], to: ["out", "latents"] },
      { from: ["n2", "noise"], to: ["n1", "noise"] },
    ],
    outputs: ["out"],
  } as unknown as RecipeTemplate;
  const spans = [...recipeSpans(template)];
  expect(spans.map(([id, { phase }]) => [id, phase])).toEqual([
    ["n2", "preparing"],
    ["n1", "denoising"],
    ["out", "decoding"],
  ]);
  let end = 0;
  for (const [, { from, to }] of spans) {
    expect(from).toBeCloseTo(end);
    end = to;
  }
  expect(end).toBeCloseTo(1);
});
