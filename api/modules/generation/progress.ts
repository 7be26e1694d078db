import { type Static, t } from "elysia";
import type { LiveStep } from "#db/queries/generation-views";

/** How far a step is: the same on the step and in `step.progress`. */
export const progressSchema = t.Object({
  progress: t.Number({ minimum: 0, maximum: 1, description: "Over all images of the step" }),
  image_progress: t.Optional(
    t.Number({ minimum: 0, maximum: 1, description: "Of the image that is being made" }),
  ),
  progress_message: t.Optional(t.String()),
  place_in_line: t.Optional(
    t.Integer({ minimum: 1, description: "While it waits for its turn; 1 is next" }),
  ),
  estimated_start: t.Optional(
    t.String({ format: "date-time", description: "While it waits for its turn, where known" }),
  ),
  estimated_completion: t.Optional(
    t.String({ format: "date-time", description: "Of its images, where known" }),
  ),
});

type Shown = Pick<LiveStep, "status" | "progressMessage" | "turnPlace" | "running" | "expected">;

/** What is shown of a step's progress, whatever its state. */
export function progressToWire(step: Shown): Static<typeof progressSchema> {
  if (step.status === "completed") return { progress: 1 };
  if (step.status === "pending") return waitToWire(step);
  if (step.status !== "processing") return { progress: 0 };
  const { running } = step;
  const message = step.progressMessage ?? running?.message;
  const estimate = running?.estimatedCompletion;
  return {
    progress: running?.progress ?? 0,
    ...(running && running.imageProgress !== null && { image_progress: running.imageProgress }),
    ...(message && { progress_message: message }),
    ...(estimate && { estimated_completion: estimate.toISOString() }),
  };
}

function waitToWire({
  progressMessage,
  turnPlace,
  expected,
}: Shown): Static<typeof progressSchema> {
  const words = [progressMessage, expected && startWords(expected.startInSeconds)];
  const message = words.filter((word) => word !== null).join(" ");
  const completion = expected?.completion;
  return {
    progress: 0,
    ...(message !== "" && { progress_message: message }),
    ...(turnPlace !== null && { place_in_line: turnPlace }),
    ...(expected && { estimated_start: expected.start.toISOString() }),
    ...(completion && { estimated_completion: completion.toISOString() }),
  };
}

function startWords(seconds: number): string {
  if (seconds <= 10) return "It should start in a moment.";
  if (seconds < 90) return `It should start in about ${seconds} seconds.`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 90) return `It should start in about ${minutes} minutes.`;
  return `It should start in about ${Math.round(minutes / 60)} hours.`;
}
