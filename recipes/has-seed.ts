import type { RecipeTemplate } from "./recipe";

/** Whether images of another seed differ. */
export function hasSeed({ seeds, inputs }: RecipeTemplate): boolean {
  return seeds.length > 0 || inputs.some(({ role }) => role === "seed");
}
