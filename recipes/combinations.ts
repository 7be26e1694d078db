import type { Json, RecipeTemplate } from "./recipe";

type Values = Readonly<Record<string, Json>>;
/** Ids of inputs whose values are lists, in groups that go together; the last one changes fastest. */
type Axes = readonly (readonly string[])[];

/** The lists of a recipe. */
export function axesOf({ inputs }: RecipeTemplate): string[][] {
  const axes = new Map<string, string[]>();
  for (const { id, list } of inputs) {
    if (!list) continue;
    // No group is called like an input.
    const key = list.group ?? `.${id}`;
    axes.set(key, [...(axes.get(key) ?? []), id]);
  }
  return [...axes.values()];
}

/** How many combinations the lists have. */
export function countCombinations(axes: Axes, values: Values): number {
  return axes.reduce((count, [first = ""]) => count * lengthOf(values[first]), 1);
}

/** The values of a combination, from 0: of each list one, as a list of one. */
export function valuesOfCombination(
  axes: Axes,
  values: Values,
  combination: number,
): Record<string, Json> {
  const chosen: Record<string, Json> = { ...values };
  let rest = combination;
  for (const axis of axes.toReversed()) {
    const length = lengthOf(values[axis[0] ?? ""]);
    const at = rest % length;
    rest = Math.floor(rest / length);
    for (const id of axis) {
      const list = values[id];
      if (Array.isArray(list)) chosen[id] = list.slice(at, at + 1);
    }
  }
  return chosen;
}

/** Lists that go together but have other lengths: the first such input of each with the one that it goes with. */
export function unequalLists(
  axes: Axes,
  values: Values,
): { id: string; first: string; length: number }[] {
  return axes.flatMap(([first = "", ...others]) => {
    const length = lengthOf(values[first]);
    const id = others.find((other) => lengthOf(values[other]) !== length);
    return id === undefined ? [] : [{ id, first, length }];
  });
}

/** The only value of a list; anything else as it is. */
export function singleOf(value: Json | undefined): Json | undefined {
  return Array.isArray(value) ? value[0] : value;
}

function lengthOf(list: Json | undefined): number {
  return Array.isArray(list) ? Math.max(list.length, 1) : 1;
}
