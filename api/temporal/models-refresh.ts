import { WorkflowFailedError } from "@temporalio/client";
import { AppError } from "#errors";
import { housekeepingRun, type RefreshModelsResult } from "#workflows/housekeeping/contract";
import type { refreshModels as refreshModelsWorkflow } from "#workflows/housekeeping/workflow";
import type { Logger } from "pino";
import { reasonOf, serviceTimeoutMs, type Temporal } from "./connection";

/** Reading some hundred models takes a second or two; a busy InvokeAI needs longer. */
const refreshTimeoutMs = 30_000;

/**
 * Reads the models from InvokeAI now and waits for the result.
 * @throws AppError workflow_unavailable when it cannot be run, invokeai_connection_error when it ran and failed
 */
export async function refreshModels(
  { client, within }: Temporal,
  log: Logger,
): Promise<RefreshModelsResult> {
  const { type, options } = housekeepingRun("refresh-models");
  try {
    const run = await within(serviceTimeoutMs, () =>
      client.workflow.start<typeof refreshModelsWorkflow>(type, options),
    );
    return await within(refreshTimeoutMs, () => run.result());
  } catch (error) {
    if (error instanceof WorkflowFailedError) {
      throw new AppError({
        kind: "provider",
        code: "invokeai_connection_error",
        message:
          "The models could not be read from InvokeAI; see GET /api/v1/backend/status, then try again.",
        cause: error,
      });
    }
    log.warn({ what: "refreshModels", reason: reasonOf(error) }, "workflow service away");
    throw new AppError({
      kind: "unavailable",
      code: "workflow_unavailable",
      message:
        "The workflow service does not answer; nothing was changed. Try again in a few seconds.",
      cause: error,
    });
  }
}
