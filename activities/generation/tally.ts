import type { Slot, StepError } from "#db/schema/steps";
import type { Tally } from "#workflows/generation-step/contract";

/** Counts a step's slots by status. */
export function tallyOf(slots: Slot[]): Tally {
  const amount = (status: Slot["status"]) => slots.filter((slot) => slot.status === status).length;
  const first = slots.find((slot) => slot.error)?.error;
  const failed = amount("failed") + amount("lost");
  return {
    filled: amount("filled"),
    failed,
    open: amount("open"),
    error: first ? withoutDetails(first) : null,
  };
}

/** InvokeAI's own error text stays out of the workflow's history. */
function withoutDetails({ code, message, suggestion }: StepError): StepError {
  return { code, message, suggestion };
}

/** A step's error, completed with InvokeAI's own error text. */
export function withDetails(error: StepError, slots: readonly Slot[]): StepError {
  return slots.find((slot) => slot.error?.message === error.message)?.error ?? error;
}
