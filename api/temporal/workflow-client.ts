import type { RefreshModelsResult } from "#workflows/housekeeping/contract";
import type { Logger } from "pino";
import type { Timings } from "#workflows/timings";
import { openTemporal } from "./connection";
import { refreshModels } from "./models-refresh";
import { createNotifications, type Notifications } from "./notifications";
import { readOffers } from "./offers-read";
import { isReachable } from "./service-state";

/** All calls of the api to the workflow service. */
export interface WorkflowClient extends Notifications {
  /**
   * Reads the models from InvokeAI now and waits for the result.
   * @throws AppError workflow_unavailable when it cannot be run, invokeai_connection_error when it ran and failed
   */
  refreshModels(): Promise<RefreshModelsResult>;
  /** Has the worker read the provider's catalogue into rows; false when that takes longer than 5 s or fails. */
  readOffers(): Promise<boolean>;
  /** Whether the workflow service answers. */
  isReachable(): Promise<boolean>;
  /** The URL of a run in the web UI; undefined where no web UI is configured. */
  workflowUrl(workflowId: string): string | undefined;
  close(): Promise<void>;
}

/** Connects at its first call and reconnects by itself: the api starts and answers while the service is away. */
export function createWorkflowClient(options: {
  address: string;
  namespace: string;
  uiUrl: string | null;
  log: Logger;
  timings?: Partial<Timings>;
}): WorkflowClient {
  const { namespace, uiUrl, log } = options;
  const temporal = openTemporal(options);
  return {
    ...createNotifications(temporal, log, options.timings),
    refreshModels: () => refreshModels(temporal, log),
    readOffers: () => readOffers(temporal, log),
    isReachable: () => isReachable(temporal),
    workflowUrl: (workflowId) =>
      uiUrl === null
        ? undefined
        : `${uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`,
    close: () => temporal.connection.close(),
  };
}
