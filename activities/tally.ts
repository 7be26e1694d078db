import type { Slot } from "#db/schema/steps";
import type { Tally } from "#workflows/generation-step/contract";

/** Counts what is done and what is left of a step. */
export function tallyOf(slots: Slot[]): Tally {
  const amount = (status: Slot["status"]) => slots.filter((slot) => slot.status === status).length;
  const error = slots.find((slot) => slot.error)?.error ?? null;
  const failed = amount("failed") + amount("lost");
  return { filled: amount("filled"), failed, open: amount("open"), error };
}
