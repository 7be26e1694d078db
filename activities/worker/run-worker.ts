import { hostname } from "node:os";
import { Client, Connection } from "@temporalio/client";
import { NativeConnection, Runtime, Worker, type WorkerOptions } from "@temporalio/worker";
import type { Config, WorkerRole } from "#config";
import { openDatabase } from "#db/client";
import { noteWorker, noteWorkerStops, readDatabaseTime } from "#db/queries/installation/workers";
import { settingSchemas } from "#db/settings";
import { openLibrary } from "#library/open";
import type { Storage } from "#media/storage/storage";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { createOutput, ignoreStreamFaults } from "#output";
import { traceRuns } from "#tracing/client-interceptor";
import { startTracing, type Tracer } from "#tracing/spans";
import { housekeepingRun } from "#workflows/housekeeping/contract";
import { queues } from "#workflows/task-queues";
import { configuredTimings, type Timings } from "#workflows/timings";
import type { ActivityDeps, PodDeps } from "../deps";
import { importQueueOf } from "../imports/import-queue";
import { createActivities } from "../index";
import { mapFailures } from "./failure-interceptor";
import { createEndOverdue } from "./overdue-interceptor";
import { createPlaces } from "../backend/places";
import { refreshModels, watchModels } from "../backend/model-watch";
import { createRunpodProvider } from "../adapters/pods/runpod/client";
import { createFindPodAddress } from "../pods/place";
import { openPodSecret } from "../pods/secret";
import { exitOnUncaught, installRuntime } from "./log";
import { ensureNamespace, keepNamespace, retryUntilReady } from "./namespace";
import { sendNotices } from "./notices";
import { createTraceActivities, createTraceSinks } from "./tracing";
import { ensureSchedules } from "./schedules";
import { serveHealth } from "./health";
import { createSharedClock } from "./shared-clock";
import { whenOneFails } from "./worker-failure";

/** The setting's maximum. How many really run at once is decided when each one starts. */
const maxParallelRetrievals = settingSchemas["retrieval.parallel_retrievals"].maximum!;
const decodeTimeoutSeconds = 60;
/** Activities at once, per task queue. */
const slots: Record<WorkerRole, number> = {
  // Each watched batch, and each call to an InvokeAI that does not answer, has one.
  generation: 16,
  images: maxParallelRetrievals,
  // Schedules never overlap with themselves.
  housekeeping: 8,
};
/**
 * Statements take milliseconds: one that takes this long waits for a lock. Below the 30 s of an activity on rows only, so
 * that the statement fails, and is retried, before the activity times out.
 */
const statementTimeoutMs = 15_000;

/**
 * Runs the worker until a signal ends it.
 * @param options for tests: the waits of the workflows it starts, and the time-out of a statement
 * @returns the exit code: 0 after a clean stop, 1 when it stopped badly
 */
export async function runWorker(
  config: Config,
  options: { timings?: Partial<Timings>; statementTimeoutMs?: number } = {},
): Promise<number> {
  ignoreStreamFaults();
  const output = createOutput();
  exitOnUncaught(output);
  installRuntime(config, output);
  const database = openDatabase(config.secrets.databaseUrl, {
    maxConnections: 10,
    applicationName: "gallery-worker",
    statementTimeoutMs: options.statementTimeoutMs ?? statementTimeoutMs,
  });
  const { installation, storage, places } = await openLibrary(database.db, config);
  const namespace = config.temporal.namespace ?? `gallery-${installation.id}`;
  const { address } = config.temporal;
  const { logger } = Runtime.instance();
  logger.info("database and library ready");
  const connection = await Connection.connect({ address });
  await ensureNamespace(connection, namespace);
  logger.info("namespace ready", { namespace });
  const tracer = await startTracing(config.tracesUrl, "gallery-worker");
  const temporal = new Client({ connection, namespace, interceptors: { workflow: [traceRuns] } });
  const native = await NativeConnection.connect({ address });
  const clock = createSharedClock(() => readDatabaseTime(database.db));
  let isCorrected = false;
  const compareClocks = async () => {
    const correctedMs = await clock.compare();
    if (correctedMs !== 0 && !isCorrected) {
      logger.warn("clock differs from that of Postgres, which counts", { correctedMs });
    }
    isCorrected = correctedMs !== 0;
  };
  await compareClocks();
  const deps = createDeps(config, {
    pods: await createPodDeps(config, installation.id, storage),
    now: clock.now,
    database,
    storage,
    places,
    temporal,
    timings: { ...configuredTimings(config), ...options.timings },
  });
  const workers = await createWorkers(config, deps, { connection: native, namespace, tracer });
  const { port } = config.worker;
  const health = port === null ? undefined : serveHealth(port, workers);
  const self = {
    id: deps.newId(),
    host: hostname(),
    roles: [...config.worker.roles],
    importRoots: [...importRootsOf(config)],
  };
  const stopping = new AbortController();
  let code = 0;
  try {
    const running = Promise.race([
      Promise.all(workers.map((worker) => worker.run())),
      whenOneFails(workers, stopping.signal),
    ]);
    await Promise.race([running, prepareWork(connection, deps)]);
    if (config.worker.roles.includes("generation")) {
      void watchModels(deps, {
        quietMs: 1_000,
        placeCheckMs: 10_000,
        onFault: (error) => void logger.warn("models not refreshed", { error }),
        signal: stopping.signal,
      });
    }
    const { notifyUrl } = config.secrets;
    if (notifyUrl !== null) {
      void sendNotices(
        { database, url: notifyUrl, now: deps.now },
        {
          everyMs: 5_000,
          retryMs: 60_000,
          onFault: (error) => void logger.warn("notice not sent", { error }),
          signal: stopping.signal,
        },
      );
    }
    const refill = () => {
      logger.warn("the workflow service has lost its database; runs are restarted from rows");
      return prepareWork(connection, deps);
    };
    const onWhole = () => {
      Promise.all([noteWorker(database.db, self), compareClocks()]).catch((error: unknown) => {
        logger.debug("worker not noted", { error });
      });
    };
    onWhole();
    void keepNamespace(connection, namespace, { refill, onWhole }, stopping.signal);
    await running;
  } catch (error) {
    // Directly: the logger buffers its entries for a moment, and the program ends.
    output.write(
      `${JSON.stringify({ level: "error", msg: "worker stopped badly", error: String(error) })}\n`,
    );
    code = 1;
  }
  stopping.abort();
  await health?.stop(true);
  await noteWorkerStops(database.db, self.id).catch(() => {});
  await native.close().catch(() => {});
  await connection.close().catch(() => {});
  await database.close().catch(() => {});
  await tracer?.close();
  return code;
}

/**
 * Starts what must always run, and what accumulated while no worker ran. Each call is repeated by itself: on a busy machine
 * all of them together take longer than one may.
 */
async function prepareWork(
  connection: Connection,
  { temporal, timings, config }: Pick<ActivityDeps, "temporal" | "timings" | "config">,
): Promise<void> {
  const attempt = (call: () => Promise<unknown>) => retryUntilReady(connection, call);
  for (const task of ["reconcile", "reap-pods"] as const) {
    const { type, options } = housekeepingRun(task);
    await attempt(() => temporal.workflow.start(type, options));
  }
  await ensureSchedules(temporal, timings, config, attempt);
  // An upgrade may have changed the program's facts about bases, which are part of the rows.
  await attempt(() => refreshModels(temporal));
}

function createDeps(
  config: Config,
  parts: Pick<
    ActivityDeps,
    "database" | "now" | "places" | "pods" | "storage" | "temporal" | "timings"
  >,
): ActivityDeps {
  return {
    ...parts,
    ...createPlaces(config, parts.database, createFindPodAddress({ ...parts, config })),
    config,
    decodeLimits: {
      budget: createDecodeBudget(defaultBudget),
      timeoutSeconds: decodeTimeoutSeconds,
    },
    newId: () => crypto.randomUUID(),
  };
}

async function createPodDeps(
  config: Config,
  installationId: string,
  storage: Storage,
): Promise<PodDeps | null> {
  const { runpodApiKey: apiKey } = config.secrets;
  if (apiKey === null) return null;
  const { connectionTimeoutMs, readTimeoutMs } = config.invokeai;
  const { apiUrl, proxyUrl } = config.pods;
  const options = { apiUrl, proxyUrl, apiKey, connectionTimeoutMs, readTimeoutMs };
  return {
    provider: createRunpodProvider(options),
    secret: await openPodSecret(config.dataDir, storage),
    installationId,
  };
}

async function createWorkers(
  config: Config,
  deps: ActivityDeps,
  service: { connection: NativeConnection; namespace: string; tracer: Tracer | null },
): Promise<Worker[]> {
  const { connection, namespace, tracer } = service;
  const activities = createActivities(deps);
  const shared: Omit<WorkerOptions, "taskQueue"> = {
    connection,
    namespace,
    activities,
    interceptors: {
      activity: [
        ...(tracer ? [createTraceActivities(tracer)] : []),
        createEndOverdue(),
        mapFailures,
      ],
    },
    ...(tracer && { sinks: createTraceSinks(tracer) }),
    identity: `gallery@${hostname()}:${process.pid}`,
    // A cancel arrives with a heartbeat's answer, and an outage shorter than the heartbeat time-out goes unnoticed.
    maxHeartbeatThrottleInterval: "500ms",
    // Together below the 10 s within which the whole program stops.
    shutdownGraceTime: "3s",
    shutdownForceTime: "6s",
  };
  const { workflowBundlePath } = config.temporal;
  const main = await Worker.create({
    ...shared,
    taskQueue: queues.main,
    ...(workflowBundlePath
      ? { workflowBundle: { codePath: workflowBundlePath } }
      : {
          workflowsPath: fileOf("../../workflows/index.ts"),
          interceptors: {
            ...shared.interceptors,
            workflowModules: [fileOf("../../workflows/trace/interceptors.ts")],
          },
        }),
    // The default is derived from figures of another runtime and differs from start to start.
    maxCachedWorkflows: 100,
    maxConcurrentActivityTaskExecutions: 16,
    // The runs of a killed worker are taken over within seconds.
    stickyQueueScheduleToStartTimeout: "2s",
  });
  const { roles } = config.worker;
  const ofRoles = [
    ...roles.map((role) => ({ taskQueue: queues[role], slots: slots[role] })),
    ...importRootsOf(config).map((root) => ({
      taskQueue: importQueueOf(root),
      slots: slots.images,
    })),
  ];
  const others = ofRoles.map(({ taskQueue, slots: maxConcurrentActivityTaskExecutions }) =>
    Worker.create({ ...shared, taskQueue, maxConcurrentActivityTaskExecutions }),
  );
  return [main, ...(await Promise.all(others))];
}

/** Imports hold pixels. */
function importRootsOf({ worker, importRoots }: Config): readonly string[] {
  return worker.roles.includes("images") ? importRoots : [];
}

const fileOf = (path: string) => new URL(path, import.meta.url).pathname;
