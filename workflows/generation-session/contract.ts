import { defineSignal } from "@temporalio/workflow";
import type { Timings } from "../timings";

export type GenerationSessionInput = { sessionId: string; timings?: Partial<Timings> };

/** One session, one run: a second start is the same run. */
export const generationSessionId = (sessionId: string): string => `generation-session/${sessionId}`;

/** A step's row was written; what comes next is read from the rows. */
export const stepRequested = defineSignal<[{ stepId: string }]>("stepRequested");

/** The row of a step carries a request to cancel. */
export const stepCancelled = defineSignal<[{ stepId: string }]>("stepCancelled");

/** The session's row was closed. */
export const sessionFinished = defineSignal("sessionFinished");
