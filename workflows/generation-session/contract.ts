import { defineSignal } from "@temporalio/workflow";
import { runStart } from "../run-start";
import type { Timings } from "../timings";

export type GenerationSessionInput = { sessionId: string; timings?: Partial<Timings> };

/** One session, one run: a second start is the same run. */
export const generationSessionId = (sessionId: string): string => `generation-session/${sessionId}`;

export const generationSessionRun = (input: GenerationSessionInput) =>
  runStart({
    type: "generationSession",
    workflowId: generationSessionId(input.sessionId),
    args: [input],
    summary: "Generation session",
    entity: input.sessionId,
    session: input.sessionId,
    status: "waiting",
  });

/** A step's row was written. The run reads its next step from the rows. */
export const stepRequested = defineSignal<[{ stepId: string }]>("stepRequested");

/** A cancel was requested in a step's row. */
export const stepCancelled = defineSignal<[{ stepId: string }]>("stepCancelled");

/** The session's row was closed. */
export const sessionFinished = defineSignal("sessionFinished");
