import { defineSignal } from "@temporalio/workflow";
import { runStart } from "../run-start";
import type { Timings } from "../timings";

export type GenerationStepInput = { stepId: string; sessionId: string; timings?: Partial<Timings> };

export const generationStepId = (stepId: string): string => `generation-step/${stepId}`;

/** `summary`: the beginning of the prompt. */
export const generationStepRun = (input: GenerationStepInput, summary: string) =>
  runStart({
    type: "generationStep",
    workflowId: generationStepId(input.stepId),
    args: [input],
    summary,
    entity: input.stepId,
    session: input.sessionId,
    status: "waiting",
  });

/** Why a step failed, as shown to the user; carried as the details of a failure. */
export type StepFailure = { code: string; message: string; suggestion: string };

/** Shown from the cancel request until the step has ended. */
export const cancellingMessage = "Cancelling: finished images are kept.";

/** How many slots of a step are filled, failed and open, with the first error among them. */
export type Tally = {
  filled: number;
  failed: number;
  open: number;
  error: StepFailure | null;
  /** Why images are requested again, as shown to the user. */
  message?: string;
  /** The batch has ended as it should; the open slots are of the step's further batches. */
  isNext?: true;
};

/** What an activity on the step's batch waits for, as shown to the user; null: no longer waiting. */
export const waitNoted = defineSignal<[{ message: string | null }]>("waitNoted");
