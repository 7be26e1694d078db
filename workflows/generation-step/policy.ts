import { ActivityFailure, ApplicationFailure } from "@temporalio/workflow";
import { count } from "../lib/run-status";
import type { Timings } from "../timings";
import type { StepFailure, Tally } from "./contract";

/** A batch is interrupted when InvokeAI restarts; this often in one step is not a coincidence. */
export const maxAttempts = 20;

/**
 * Whether to request the missing images, and after which pause. It doubles, up to thirty times the first, unless they are
 * those of the step's next batch.
 */
export function nextAttempt(
  tally: Tally,
  attempts: number,
  { interruptedPauseMs }: Pick<Timings, "interruptedPauseMs">,
): { again: boolean; pauseMs: number } {
  if (tally.open === 0 || attempts >= maxAttempts) return { again: false, pauseMs: 0 };
  if (tally.isNext) return { again: true, pauseMs: 0 };
  return { again: true, pauseMs: interruptedPauseMs * Math.min(2 ** (attempts - 1), 30) };
}

/** A step with at least one image is completed; its slots record the missing ones. */
export function endingOf(
  tally: Tally,
): { status: "completed" } | { status: "failed"; error: StepFailure } {
  if (tally.filled > 0) return { status: "completed" };
  return {
    status: "failed",
    error: tally.error ?? {
      code: "invokeai_generation_error",
      message: "InvokeAI interrupted the generation again and again.",
      suggestion: "Check InvokeAI, then retry the step.",
    },
  };
}

/** A cancel that came too late, when all images of the step exist, ends as completed. */
export function endingOfCancelled(tally: Tally): { status: "completed" | "cancelled" } {
  const isWhole = tally.filled > 0 && tally.failed + tally.open === 0;
  return { status: isWhole ? "completed" : "cancelled" };
}

/** The result of a finished step, in a sentence. */
export function summaryOf(tally: Tally): string {
  const missing = tally.failed + tally.open;
  return `Finished: ${count(tally.filled, "image")}${missing > 0 ? `, ${missing} failed` : ""}.`;
}

/** The reason in an activity's final failure; anything else is our own fault, without detail. */
export function reasonOf(error: unknown): StepFailure {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const details = cause instanceof ApplicationFailure ? cause.details?.[0] : undefined;
  if (isStepFailure(details)) return details;
  return {
    code: "server_error",
    message: "The step could not be carried out.",
    suggestion: "Retry it; the worker's log has details.",
  };
}

/** Fails the run, with the same message as the row. */
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
