import { defineSignal } from "@temporalio/workflow";
import { runStart } from "../run-start";
import type { Timings } from "../timings";

/** The row holds the source, the place, the job's id and a cancel request. */
export type ModelInstallInput = { installId: string; timings?: Partial<Timings> };

/** One install, one run: a second start is the same run. */
export const modelInstallId = (installId: string): string => `model-install/${installId}`;

export const modelInstallRun = (input: ModelInstallInput) =>
  runStart({
    type: "modelInstall",
    workflowId: modelInstallId(input.installId),
    args: [input],
    summary: "Install of a model",
    entity: input.installId,
    status: "waiting",
  });

/** The row was written: a request, or a cancel. */
export const installChanged = defineSignal("installChanged");

/** What one step of an install came to. */
export type InstallView = {
  status: "waiting" | "installing" | "completed" | "failed" | "cancelled";
  message: string;
  /** `over`: the row has ended. `now`: another step has to be taken at once. */
  next: "over" | "now" | "later";
};
