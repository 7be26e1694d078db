import { defineSignal } from "@temporalio/workflow";
import type { Timings } from "../timings";

/** What one run hands to the next when it continues as new. */
export type TurnState = { holder: string | null; line: string[] };

export type InvokeaiBackendInput = { timings?: Partial<Timings>; turns?: TurnState };

/** There is exactly one. */
export const invokeaiBackendId = "invokeai-backend";

/** A step asks for its turn; asking again changes nothing but shows that it still lives. */
export const turnWanted = defineSignal<[{ workflowId: string }]>("turnWanted");

/** A step has ended with InvokeAI, or no longer wants its turn. */
export const turnDone = defineSignal<[{ workflowId: string }]>("turnDone");
