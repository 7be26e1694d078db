import { Context } from "@temporalio/activity";
import { listLiveImports } from "#db/queries/imports";
import {
  listClosedSessions,
  listLiveRetrievals,
  listLiveSessions,
  type LiveSession,
} from "#db/queries/reconcile";
import { listReproducingPhotos } from "#db/queries/reproductions";
import {
  generationSessionId,
  sessionFinished,
  stepCancelled,
  stepRequested,
} from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import { invokeaiBackendId } from "#workflows/invokeai-backend/contract";
import { photoImportId, type PhotoImportInput } from "#workflows/photo-import/contract";
import {
  photoReproductionId,
  type PhotoReproductionInput,
} from "#workflows/photo-reproduction/contract";
import { photoRetrievalId, type PhotoRetrievalInput } from "#workflows/photo-retrieval/contract";
import { searchAttributesOf } from "#workflows/search-attributes";
import { queues } from "#workflows/task-queues";
import type { ActivityDeps } from "./deps";

const pageSize = 200;

/**
 * Makes the open runs those that the rows ask for. Heals a lost signal, a workflow service that was
 * away when a request came, and one whose database is gone: a start of what runs already changes nothing.
 */
export async function reconcile(
  deps: ActivityDeps,
): Promise<{ sessions: number; retrievals: number }> {
  await ensureRunning(deps, "invokeaiBackend", invokeaiBackendId, { timings: deps.timings });
  const sessions = await eachPage(
    (afterId) => listLiveSessions(deps.database.db, { afterId, limit: pageSize }),
    (session) => wakeSession(deps, session),
  );
  const retrievals = await eachPage(
    (afterId) => listLiveRetrievals(deps.database.db, { afterId, limit: pageSize }),
    async ({ id, sessionId, stepId }) => {
      const input: PhotoRetrievalInput = {
        photoId: id,
        timings: deps.timings,
        ...(sessionId ? { sessionId } : {}),
        ...(stepId ? { stepWorkflowId: generationStepId(stepId) } : {}),
      };
      await ensureRunning(deps, "photoRetrieval", photoRetrievalId(id), input, {
        entity: id,
        session: sessionId,
      });
    },
  );
  await eachPage(
    (afterId) => listLiveImports(deps.database.db, { afterId, limit: pageSize }),
    ({ id }) => {
      const input: PhotoImportInput = { importId: id, timings: deps.timings };
      return ensureRunning(deps, "photoImport", photoImportId(id), input, { entity: id });
    },
  );
  await eachPage(
    (afterId) => listReproducingPhotos(deps.database.db, { afterId, limit: pageSize }),
    ({ id }) => {
      const input: PhotoReproductionInput = { photoId: id, timings: deps.timings };
      const workflowId = photoReproductionId(id);
      return ensureRunning(deps, "photoReproduction", workflowId, input, { entity: id });
    },
  );
  await endClosedSessions(deps);
  return { sessions, retrievals };
}

async function wakeSession(deps: ActivityDeps, session: LiveSession): Promise<void> {
  const workflowId = generationSessionId(session.id);
  const input = { sessionId: session.id, timings: deps.timings };
  await ensureRunning(deps, "generationSession", workflowId, input, {
    entity: session.id,
    session: session.id,
  });
  const run = deps.temporal.workflow.getHandle(workflowId);
  const [stepId] = session.waitingStepIds;
  if (stepId) await run.signal(stepRequested, { stepId });
  for (const cancelled of session.cancelRequestedStepIds)
    await run.signal(stepCancelled, { stepId: cancelled });
}

/** Runs whose session was closed while nobody could tell them. */
async function endClosedSessions({ temporal, database }: ActivityDeps): Promise<void> {
  const prefix = generationSessionId("");
  const open: string[] = [];
  const query = "WorkflowType = 'generationSession' and ExecutionStatus = 'Running'";
  for await (const run of temporal.workflow.list({ query })) {
    if (run.workflowId.startsWith(prefix)) open.push(run.workflowId.slice(prefix.length));
  }
  for (let start = 0; start < open.length; start += pageSize) {
    const page = open.slice(start, start + pageSize);
    for (const id of await listClosedSessions(database.db, page)) {
      await temporal.workflow
        .getHandle(generationSessionId(id))
        .signal(sessionFinished)
        .catch(ignoreEnded);
    }
  }
}

async function ensureRunning(
  { temporal }: ActivityDeps,
  type: string,
  workflowId: string,
  input: object,
  foundBy?: Parameters<typeof searchAttributesOf>[0],
): Promise<void> {
  Context.current().heartbeat();
  await temporal.workflow.start(type, {
    args: [input],
    taskQueue: queues.main,
    workflowId,
    workflowIdConflictPolicy: "USE_EXISTING",
    typedSearchAttributes: foundBy ? searchAttributesOf(foundBy) : [],
  });
}

async function eachPage<Row extends { id: string }>(
  list: (afterId: string | null) => Promise<Row[]>,
  work: (row: Row) => Promise<void>,
): Promise<number> {
  let seen = 0;
  for (let afterId: string | null = null; ;) {
    const page = await list(afterId);
    for (const row of page) await work(row);
    seen += page.length;
    afterId = page.at(-1)?.id ?? null;
    if (page.length < pageSize || afterId === null) return seen;
  }
}

/** Visibility lags behind: the run may have ended since. */
function ignoreEnded(error: unknown): void {
  if (!(error instanceof Error) || error.name !== "WorkflowNotFoundError") throw error;
}
