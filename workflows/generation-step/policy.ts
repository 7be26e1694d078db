import { ActivityFailure, ApplicationFailure } from "@temporalio/workflow";
import { count } from "../lib/present";
import type { Timings } from "../timings";
import type { StepFailure, Tally } from "./contract";

/** A batch is interrupted by a restart of InvokeAI; so often in one step is no accident any more. */
export const maxAttempts = 20;

/** Whether the missing images are asked for again, and after which pause: it doubles, up to thirty times the first. */
export function nextAttempt(
  tally: Tally,
  attempts: number,
  { interruptedPauseMs }: Pick<Timings, "interruptedPauseMs">,
): { again: boolean; pauseMs: number } {
  if (tally.open === 0 || attempts >= maxAttempts) return { again: false, pauseMs: 0 };
  return { again: true, pauseMs: interruptedPauseMs * Math.min(2 ** (attempts - 1), 30) };
}

/** A step that brought at least one image is completed; what is missing stands in its slots. */
export function endingOf(
  tally: Tally,
): { status: "completed" } | { status: "failed"; error: StepFailure } {
  if (tally.filled > 0) return { status: "completed" };
  return {
    status: "failed",
    error: tally.error ?? {
      code: "invokeai_generation_error",
      message: "InvokeAI interrupted the generation again and again.",
      suggestion: "Look after InvokeAI, then retry the step.",
    },
  };
}

/** Too late to cancel: a step all of whose images exist is completed. */
export function endingOfCancelled(tally: Tally): { status: "completed" | "cancelled" } {
  const isWhole = tally.filled > 0 && tally.failed + tally.open === 0;
  return { status: isWhole ? "completed" : "cancelled" };
}

/** What a waiting person reads. */
export function sentenceOf(wait: { place: number; reason: string }): string {
  return wait.place > 0 ? `Place ${wait.place} in the line. ${wait.reason}` : wait.reason;
}

/** What a finished step brought, in a sentence. */
export function summaryOf(tally: Tally): string {
  const missing = tally.failed + tally.open;
  return `Finished: ${count(tally.filled, "image")}${missing > 0 ? `, ${missing} failed` : ""}.`;
}

/** What an activity said when it gave up; anything else is a fault of ours, without detail. */
export function reasonOf(error: unknown): StepFailure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const told = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
  if (isStepFailure(told)) return told;
  return {
    code: "server_error",
    message: "The step could not be carried out.",
    suggestion: "Retry it; the worker's log tells more.",
  };
}

/** Ends the run visibly as failed, with the same words as the row. */
export function failureOf(reason: StepFailure): ApplicationFailure {
  return ApplicationFailure.create({
    message: reason.message,
    type: reason.code,
    nonRetryable: true,
    details: [reason],
  });
}

function isStepFailure(value: unknown): value is StepFailure {
  return typeof value === "object" && value !== null && "code" in value && "suggestion" in value;
}
