import { type Static, t } from "elysia";
import { closedMessage, openingOf } from "#db/opening";
import type { LiveStep } from "#db/queries/generation/step-views";
import type { Wait } from "#db/queries/line/line";
import { cancellingMessage } from "#workflows/generation-step/contract";
import { reasonOf, waitMessage } from "#workflows/turn/contract";

/** Progress fields: the same in the step object and in `step.progress` events. */
export const progressSchema = t.Object({
  progress: t.Number({ minimum: 0, maximum: 1, description: "Over all images of the step" }),
  image_progress: t.Optional(
    t.Number({ minimum: 0, maximum: 1, description: "Of the image that is being generated" }),
  ),
  progress_message: t.Optional(t.String()),
  place_in_line: t.Optional(
    t.Integer({
      minimum: 1,
      description:
        "Position in the line while the step waits; 1 is next. Absent while it waits for a model",
    }),
  ),
  estimated_start: t.Optional(
    t.String({
      format: "date-time",
      description: "Only while the step waits and if it can be estimated",
    }),
  ),
  estimated_completion: t.Optional(
    t.String({
      format: "date-time",
      description: "When its images should be ready, if it can be estimated",
    }),
  ),
});

type StepProgress = Omit<LiveStep, "id" | "sessionId">;

/** The progress fields of a step in any status. `timeZone`: of its window. */
export function progressToWire(
  step: StepProgress,
  timeZone: string,
): Static<typeof progressSchema> {
  if (step.status === "completed") return { progress: 1 };
  if (step.status === "pending") return waitToWire(step, timeZone);
  if (step.status !== "processing") return { progress: shareFinished(step) };
  const { running } = step;
  const progressMessage = step.wait ? lineMessage(step.wait) : step.progressMessage;
  const message =
    step.cancelRequestedAt === null
      ? (progressMessage ?? running?.message)
      : [cancellingMessage, progressMessage].filter((word) => word !== null).join(" ");
  const estimate = running?.estimatedCompletion;
  return {
    progress: running?.progress ?? shareFinished(step),
    ...(running && running.imageProgress !== null && { image_progress: running.imageProgress }),
    ...(message && { progress_message: message }),
    // The estimate is not updated while InvokeAI sends nothing; one in the past was wrong.
    ...(estimate &&
      estimate.getTime() > Date.now() && { estimated_completion: estimate.toISOString() }),
  };
}

/** The share of the step's images that exist. */
function shareFinished({ slotsFilled, batchSize }: StepProgress): number {
  return Math.min(slotsFilled / batchSize, 1);
}

function waitToWire(step: StepProgress, timeZone: string): Static<typeof progressSchema> {
  const progress = shareFinished(step);
  if (step.cancelRequestedAt !== null) return { progress, progress_message: cancellingMessage };
  const { opensAt } = openingOf(step, new Date(), timeZone);
  if (opensAt) return { progress, progress_message: closedMessage(step, opensAt, timeZone) };
  const { wait, progressMessage } = step;
  const message = wait ? lineMessage(wait) : progressMessage;
  const expected = wait?.expected;
  const completion = expected?.completion;
  return {
    progress,
    ...(message !== null && { progress_message: message }),
    ...(wait && wait.position !== null && { place_in_line: wait.position }),
    ...(expected && { estimated_start: expected.start.toISOString() }),
    ...(completion && { estimated_completion: completion.toISOString() }),
  };
}

function lineMessage(wait: Wait): string {
  const message = waitMessage({ ...wait, reason: reasonOf(wait) });
  return wait.expected ? `${message} ${startMessage(wait.expected.startInSeconds)}` : message;
}

function startMessage(seconds: number): string {
  if (seconds <= 10) return "It should start in a moment.";
  if (seconds < 90) return `It should start in about ${seconds} seconds.`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `It should start in about ${minutes} minutes.`;
  return `It should start in about ${Math.round(minutes / 60)} hours.`;
}
