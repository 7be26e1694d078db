import { defineSignal } from "@temporalio/workflow";
import { runStart } from "../run-start";
import type { Timings } from "../timings";

/** The setting `backend.mirror` says what is mirrored; rows say what was. */
export type InvokeaiMirrorInput = { timings?: Partial<Timings> };

/** There is one: a second start is the same run. */
export const invokeaiMirrorId = "invokeai-mirror";

/** The setting asks for a mirror: a run that is about to end reads it again. */
export const mirrorWanted = defineSignal("mirrorWanted");

export const invokeaiMirrorRun = (input: InvokeaiMirrorInput) =>
  runStart({
    type: "invokeaiMirror",
    workflowId: invokeaiMirrorId,
    args: [input],
    summary: "Pictures made in InvokeAI's own page",
    status: "following",
  });
