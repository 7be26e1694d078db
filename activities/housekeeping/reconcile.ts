import { Context } from "@temporalio/activity";
import type { Db } from "#db/client";
import { isOpen } from "#db/opening";
import { getSettings } from "#db/queries/installation/settings";
import { listOpenInstalls } from "#db/queries/models/installs";
import { listLiveImports } from "#db/queries/imports/imports";
import {
  listClosedSessions,
  listLiveRetrievals,
  listLiveSessions,
  type LiveSession,
} from "#db/queries/generation/reconcile";
import { listReproducingPhotos } from "#db/queries/reproductions/reproductions";
import { listOpenMoves } from "#db/queries/storage/storage-moves";
import { closeCancelledWaitingSteps } from "#db/queries/steps/steps";
import { isLineStalled } from "#db/queries/line/turns";
import { cancelRun } from "#workflows/cancel-run";
import {
  generationSessionId,
  generationSessionRun,
  sessionFinished,
  stepRequested,
} from "#workflows/generation-session/contract";
import { generationStepId } from "#workflows/generation-step/contract";
import {
  checkLine,
  invokeaiBackendId,
  invokeaiBackendRun,
} from "#workflows/invokeai-backend/contract";
import { invokeaiMirrorId, invokeaiMirrorRun } from "#workflows/invokeai-mirror/contract";
import { modelInstallRun } from "#workflows/model-install/contract";
import { photoImportRun } from "#workflows/photo-import/contract";
import { photoReproductionRun } from "#workflows/photo-reproduction/contract";
import { photoRetrievalRun } from "#workflows/photo-retrieval/contract";
import { storageMoveRun } from "#workflows/storage-move/contract";
import type { RunStart, WorkflowType } from "#workflows/run-start";
import type { ActivityDeps } from "../deps";
import { listOpenRuns, readRunState } from "../open-runs";
import { createFaults } from "./reconcile-faults";
import { signalRun } from "../signal-run";

const pageSize = 200;
const types: WorkflowType[] = [
  "invokeaiBackend",
  "generationSession",
  "generationStep",
  "photoRetrieval",
  "photoImport",
  "photoReproduction",
  "modelInstall",
  "storageMove",
  "invokeaiMirror",
];

/**
 * Starts missing runs that rows ask for. Repairs a lost signal, requests made while the workflow service was away, and a
 * workflow service that lost its database. It signals only a run that would not continue by itself: a run takes at most
 * 10 000 signals.
 * @throws ApplicationFailure that names the rows that failed, after all others were reconciled
 */
export async function reconcile(
  deps: ActivityDeps,
): Promise<{ sessions: number; retrievals: number }> {
  const { timings } = deps;
  const { db } = deps.database;
  const faults = createFaults();
  // Without the list every run is started: starting a run that is open changes nothing.
  const open =
    (await faults.collect("open runs", () => listOpenRuns(deps.temporal, types))) ??
    new Set<string>();
  const ensure = async (run: RunStart) => {
    if (!open.has(run.options.workflowId)) await start(deps, run);
  };

  async function healEach<Row extends { id: string }>(
    kind: string,
    rows: AsyncIterable<Row>,
    heal: (row: Row) => Promise<void>,
  ): Promise<number> {
    let seen = 0;
    await faults.collect(`list of ${kind}s`, async () => {
      for await (const row of rows) {
        Context.current().heartbeat();
        await faults.collect(`${kind} ${row.id}`, () => heal(row));
        seen += 1;
      }
    });
    return seen;
  }

  await faults.collect(invokeaiBackendId, () => ensure(invokeaiBackendRun({ timings })));
  await faults.collect(invokeaiMirrorId, async () => {
    const { "backend.mirror": mirrored } = await getSettings(db, deps.config);
    if (mirrored !== "off") await ensure(invokeaiMirrorRun({ timings }));
  });
  const sessions = await healEach("session", eachRow(db, listLiveSessions), (session) =>
    healSession(deps, open, session),
  );
  const retrievals = await healEach(
    "photo",
    eachRow(db, listLiveRetrievals),
    async ({ id, sessionId, stepId, attempts }) => {
      // The first attempt is made by the step's own run.
      const isOfOpenStep = stepId !== null && open.has(generationStepId(stepId));
      if (attempts === 0 && isOfOpenStep) return;
      await ensure(photoRetrievalRun({ photoId: id, sessionId, timings }));
    },
  );
  await healEach("import", eachRow(db, listLiveImports), ({ id }) =>
    ensure(photoImportRun({ importId: id, timings })),
  );
  await healEach("reproduction of photo", eachRow(db, listReproducingPhotos), ({ id }) =>
    ensure(photoReproductionRun({ photoId: id, timings })),
  );
  await healEach("model install", eachRow(db, listOpenInstalls), ({ id }) =>
    ensure(modelInstallRun({ installId: id, timings })),
  );
  await healEach("storage move", eachRow(db, listOpenMoves), ({ id }) =>
    ensure(storageMoveRun({ moveId: id, timings })),
  );
  await healEach("closed session", eachClosedSession(db, open), ({ id }) =>
    finishIdle(deps, generationSessionId(id)),
  );
  await faults.collect("line", async () => {
    if (!(await isLineStalled(db))) return;
    await signalRun(deps, invokeaiBackendId, (run) => run.signal(checkLine));
  });
  faults.throwIfAny();
  return { sessions, retrievals };
}

async function healSession(
  deps: ActivityDeps,
  open: ReadonlySet<string>,
  session: LiveSession,
): Promise<void> {
  const { temporal, database, now, config } = deps;
  const { id, cancelRequestedStepIds, liveSteps } = session;
  // A session sleeps by itself until a step may start.
  const at = now();
  const due = liveSteps.find((step) => isOpen(step, at, config.timeZone));
  const workflowId = generationSessionId(id);
  for (const stepId of cancelRequestedStepIds) {
    // Cancelled directly: its session may be unable to take more signals. The row of a step without a run is closed here.
    const hasRun = await cancelRun(temporal.workflow.getHandle(generationStepId(stepId)));
    if (!hasRun) await closeCancelledWaitingSteps(database.db, { sessionId: id, now: now() });
  }
  const isListed = open.has(workflowId);
  if (isListed && due === undefined) return;
  // An open step means a busy session, so no call for its state: hundreds may wait in the line for InvokeAI.
  if (isListed && liveSteps.some((step) => open.has(generationStepId(step.id)))) return;
  // A busy session reads its rows when it is done.
  const state = isListed ? await readRunState(temporal, workflowId) : "closed";
  if (state === "idle" && due !== undefined) {
    await temporal.workflow.getHandle(workflowId).signal(stepRequested, { stepId: due.id });
  }
  if (state !== "closed") return;
  await start(deps, generationSessionRun({ sessionId: id, timings: deps.timings }));
}

/** Ends the run of a closed session that was not notified; a busy one reads its row when it is done. */
async function finishIdle({ temporal }: ActivityDeps, workflowId: string): Promise<void> {
  if ((await readRunState(temporal, workflowId)) !== "idle") return;
  await temporal.workflow.getHandle(workflowId).signal(sessionFinished);
}

async function start({ temporal }: ActivityDeps, { type, options }: RunStart): Promise<void> {
  await temporal.workflow.start(type, options);
}

async function* eachRow<Row extends { id: string }>(
  db: Db,
  list: (db: Db, page: { afterId: string | null; limit: number }) => Promise<Row[]>,
): AsyncGenerator<Row> {
  for (let afterId: string | null = null; ;) {
    const page = await list(db, { afterId, limit: pageSize });
    yield* page;
    afterId = page.at(-1)?.id ?? null;
    if (page.length < pageSize || afterId === null) return;
  }
}

/** The sessions whose run is open although their row is closed. */
async function* eachClosedSession(
  db: Db,
  open: ReadonlySet<string>,
): AsyncGenerator<{ id: string }> {
  const prefix = generationSessionId("");
  const ids = [...open].flatMap((id) => (id.startsWith(prefix) ? id.slice(prefix.length) : []));
  for (let at = 0; at < ids.length; at += pageSize) {
    for (const id of await listClosedSessions(db, ids.slice(at, at + pageSize))) yield { id };
  }
}
