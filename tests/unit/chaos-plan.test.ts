import { expect, test } from "bun:test";
import { drawFaults, faultKinds } from "#tests/chaos/plan";

const first = (seed: number, amount: number) => drawFaults(seed).take(amount).toArray();

test("a seed always draws the same faults, and another seed others", () => {
  expect(first(7, 50)).toEqual(first(7, 50));
  expect(first(7, 50)).not.toEqual(first(8, 50));
});

test("every kind of fault occurs", () => {
  expect(new Set(first(1, 500).map(({ kind }) => kind))).toEqual(new Set(faultKinds));
});
