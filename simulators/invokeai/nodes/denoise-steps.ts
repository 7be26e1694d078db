import type { Painting } from "../paint.ts";
import type { RunContext } from "./definition.ts";

/** Runs the steps from `start` to `end` (0–1); each may be frozen or canceled. */
export async function runSteps(
  context: RunContext,
  painting: Painting,
  plan: { steps: number; start: number; end: number },
): Promise<void> {
  const first = Math.round(plan.steps * plan.start);
  const count = Math.max(0, Math.round(plan.steps * plan.end) - first);
  for (let step = 0; step < count; step += 1) await context.runStep(step, count, painting);
}
