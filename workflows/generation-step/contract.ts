import { defineSignal } from "@temporalio/workflow";
import type { Timings } from "../timings";

export type GenerationStepInput = { stepId: string; sessionId: string; timings?: Partial<Timings> };

export const generationStepId = (stepId: string): string => `generation-step/${stepId}`;

/** Why a step failed, in words for a person; carried as the details of a failure. */
export type StepFailure = { code: string; message: string; suggestion: string };

/** How the slots of a step stand, with the first reason among those that failed. */
export type Tally = { filled: number; failed: number; open: number; error: StepFailure | null };

/** The backend's answer when InvokeAI is ready and it is this step's turn; `backend` names the place, never its address. */
export const turnGranted = defineSignal<[{ backend: string }]>("turnGranted");

/** The backend's answer while the step has to wait: its place in the line (1 is next) and why. */
export const turnWaiting = defineSignal<[{ place: number; reason: string }]>("turnWaiting");

/** A photo of this step was fetched, or waits between two attempts. */
export const retrievalSettled = defineSignal<[{ photoId: string }]>("retrievalSettled");
