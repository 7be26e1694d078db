import { ActivityFailure, ApplicationFailure } from "@temporalio/workflow";
import type { Impossible } from "./contract";

/** InvokeAI may restart now and then; this often during one picture is not a coincidence. */
export const maxBatches = 5;

/** What an activity's final failure means for the verdict. */
export function reasonOf(error: unknown): Impossible {
  const cause = error instanceof ActivityFailure ? error.cause : error;
  const code = cause instanceof ApplicationFailure ? cause.type : undefined;
  if (code === "invokeai_graph_error") return "graph_refused";
  return code === "invokeai_model_error" ? "model_gone" : "failed";
}
