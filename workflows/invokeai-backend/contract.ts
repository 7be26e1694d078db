import { defineSignal } from "@temporalio/workflow";
import { runStart } from "../run-start";
import type { Timings } from "../timings";

export type InvokeaiBackendInput = { timings?: Partial<Timings> };

/** There is exactly one such run. */
export const invokeaiBackendId = "invokeai-backend";

export const invokeaiBackendRun = (input: InvokeaiBackendInput) =>
  runStart({
    type: "invokeaiBackend",
    workflowId: invokeaiBackendId,
    args: [input],
    summary: "InvokeAI: its state and the line for it",
    status: "pending",
  });

/** An activity found that InvokeAI's state has changed. */
export const lookAgain = defineSignal("lookAgain");

/** A free turn has to be granted, or its holder was not notified. */
export const checkLine = defineSignal("checkLine");
