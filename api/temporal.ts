import { Client, Connection, WorkflowFailedError } from "@temporalio/client";
import { AppError } from "#errors";
import {
  generationSessionId,
  type GenerationSessionInput,
  sessionFinished,
  stepCancelled,
  stepRequested,
} from "#workflows/generation-session/contract";
import type { generationSession } from "#workflows/generation-session/workflow";
import { housekeepingId } from "#workflows/housekeeping/contract";
import type { refreshModels } from "#workflows/housekeeping/workflow";
import { photoImportId, type PhotoImportInput } from "#workflows/photo-import/contract";
import type { photoImport } from "#workflows/photo-import/workflow";
import {
  photoReproductionId,
  type PhotoReproductionInput,
  reproductionRequested,
} from "#workflows/photo-reproduction/contract";
import type { photoReproduction } from "#workflows/photo-reproduction/workflow";
import {
  photoRetrievalId,
  type PhotoRetrievalInput,
  retryNow,
} from "#workflows/photo-retrieval/contract";
import type { photoRetrieval } from "#workflows/photo-retrieval/workflow";
import { searchAttributesOf } from "#workflows/search-attributes";
import { queues } from "#workflows/task-queues";
import type { Timings } from "#workflows/timings";
import type { Logger } from "pino";
import type { WorkflowTeller } from "./workflow-teller";

/** What an answer may wait for the workflow service. */
const boundMs = 2_000;
/** Reading some hundred models takes a second or two; a busy InvokeAI is given more. */
const refreshBoundMs = 30_000;
/** TASK_QUEUE_TYPE_WORKFLOW of temporal.api.enums.v1. */
const workflowTasks = 1;
/** The service remembers a poller for minutes; a living one asks again within a minute. */
const pollerAliveMs = 75_000;

const workflowUnavailable = (cause?: unknown) =>
  new AppError({
    kind: "unavailable",
    code: "workflow_unavailable",
    message:
      "The workflow service does not answer; nothing was changed. Try again in a few seconds.",
    cause,
  });

/**
 * The teller that speaks to Temporal. It connects at the first call and again by itself, so that the
 * api starts and answers while the service is away.
 */
export function createWorkflowTeller(options: {
  address: string;
  namespace: string;
  uiUrl: string | null;
  log: Logger;
  timings?: Partial<Timings>;
}): WorkflowTeller {
  const { namespace, log } = options;
  const timings = options.timings && { timings: options.timings };
  const connection = Connection.lazy({
    address: options.address,
    // The default interceptor retries past every deadline while the service is away.
    interceptors: [],
    // gRPC's own pause grows to two minutes: a service that is back has to be noticed at once.
    channelArgs: {
      "grpc.initial_reconnect_backoff_ms": 200,
      "grpc.max_reconnect_backoff_ms": 1_000,
    },
  });
  const client = new Client({ connection, namespace });

  function within<T>(ms: number, call: () => Promise<T>): Promise<T> {
    // Raced as well: a deadline alone does not bound a channel that is still connecting.
    const { promise, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => reject(new Error("no answer in time")), ms);
    return Promise.race([connection.withDeadline(Date.now() + ms, call), promise]).finally(() =>
      clearTimeout(timer),
    );
  }

  async function told(what: string, call: () => Promise<unknown>): Promise<boolean> {
    try {
      await within(boundMs, call);
      return true;
    } catch (error) {
      log.warn({ what, reason: reasonOf(error) }, "workflow service not told");
      return false;
    }
  }

  function sessionRun(sessionId: string) {
    return {
      taskQueue: queues.main,
      workflowId: generationSessionId(sessionId),
      workflowIdConflictPolicy: "USE_EXISTING" as const,
      args: [{ sessionId, ...timings } satisfies GenerationSessionInput] as [
        GenerationSessionInput,
      ],
      staticSummary: "Generation session",
      typedSearchAttributes: searchAttributesOf({
        entity: sessionId,
        session: sessionId,
        status: "active",
      }),
    };
  }

  return {
    sessionOpened: (sessionId) =>
      told("sessionOpened", () =>
        client.workflow.start<typeof generationSession>("generationSession", sessionRun(sessionId)),
      ),

    stepRequested: (sessionId, stepId) =>
      told("stepRequested", () =>
        client.workflow.signalWithStart<typeof generationSession, [{ stepId: string }]>(
          "generationSession",
          { ...sessionRun(sessionId), signal: stepRequested, signalArgs: [{ stepId }] },
        ),
      ),

    stepCancelled: (sessionId, stepId) =>
      told("stepCancelled", () =>
        client.workflow.signalWithStart<typeof generationSession, [{ stepId: string }]>(
          "generationSession",
          { ...sessionRun(sessionId), signal: stepCancelled, signalArgs: [{ stepId }] },
        ),
      ),

    sessionFinished: (sessionId) =>
      told("sessionFinished", () =>
        client.workflow.signalWithStart<typeof generationSession, []>("generationSession", {
          ...sessionRun(sessionId),
          signal: sessionFinished,
        }),
      ),

    retrievalRetried: (photoId, sessionId) =>
      told("retrievalRetried", () =>
        client.workflow.signalWithStart<typeof photoRetrieval, []>("photoRetrieval", {
          taskQueue: queues.main,
          workflowId: photoRetrievalId(photoId),
          workflowIdConflictPolicy: "USE_EXISTING",
          args: [
            {
              photoId,
              ...(sessionId !== undefined && { sessionId }),
              ...timings,
            } satisfies PhotoRetrievalInput,
          ],
          staticSummary: "Fetch an image again",
          typedSearchAttributes: searchAttributesOf({
            entity: photoId,
            session: sessionId,
            status: "pending",
          }),
          signal: retryNow,
        }),
      ),

    reproductionRequested: (photoId) =>
      told("reproductionRequested", () =>
        client.workflow.signalWithStart<typeof photoReproduction, []>("photoReproduction", {
          taskQueue: queues.main,
          workflowId: photoReproductionId(photoId),
          workflowIdConflictPolicy: "USE_EXISTING",
          args: [{ photoId, ...timings } satisfies PhotoReproductionInput],
          staticSummary: "Make a photo again and compare",
          typedSearchAttributes: searchAttributesOf({ entity: photoId, status: "pending" }),
          // One that is just ending has to look again: a start alone would find it open, and leave it.
          signal: reproductionRequested,
        }),
      ),

    importRequested: (importId) =>
      told("importRequested", () =>
        client.workflow.start<typeof photoImport>("photoImport", {
          taskQueue: queues.main,
          workflowId: photoImportId(importId),
          workflowIdConflictPolicy: "USE_EXISTING",
          args: [{ importId, ...timings } satisfies PhotoImportInput],
          staticSummary: "Import of a folder",
          typedSearchAttributes: searchAttributesOf({ entity: importId, status: "pending" }),
        }),
      ),

    async refreshModels() {
      try {
        const run = await within(boundMs, () =>
          client.workflow.start<typeof refreshModels>("refreshModels", {
            taskQueue: queues.main,
            workflowId: housekeepingId("refresh-models"),
            workflowIdConflictPolicy: "USE_EXISTING",
            args: [],
            staticSummary: "Read the models from InvokeAI",
          }),
        );
        return await within(refreshBoundMs, () => run.result());
      } catch (error) {
        if (error instanceof WorkflowFailedError) {
          throw new AppError({
            kind: "provider",
            code: "invokeai_connection_error",
            message:
              "InvokeAI did not tell its models; see GET /api/v1/backend/status, then try again.",
            cause: error,
          });
        }
        log.warn({ what: "refreshModels", reason: reasonOf(error) }, "workflow service away");
        throw workflowUnavailable(error);
      }
    },

    isReachable: async () => {
      try {
        await within(boundMs, () => connection.workflowService.describeNamespace({ namespace }));
        return true;
      } catch {
        return false;
      }
    },

    hasWorker: async () => {
      try {
        const { pollers } = await within(boundMs, () =>
          connection.workflowService.describeTaskQueue({
            namespace,
            taskQueue: { name: queues.main },
            taskQueueType: workflowTasks,
          }),
        );
        return (pollers ?? []).some(
          (poller) =>
            Date.now() - Number(poller.lastAccessTime?.seconds ?? 0) * 1_000 < pollerAliveMs,
        );
      } catch {
        return false;
      }
    },

    workflowUrl: (workflowId) =>
      options.uiUrl === null
        ? undefined
        : `${options.uiUrl}/namespaces/${encodeURIComponent(namespace)}/workflows/${encodeURIComponent(workflowId)}`,

    close: () => connection.close(),
  };
}

/** What a log may say of a failed call. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return "unknown";
  const cause = error.cause instanceof Error ? `: ${error.cause.message}` : "";
  return `${error.message}${cause}`.slice(0, 200);
}
