import { hostname } from "node:os";
import { Client, Connection } from "@temporalio/client";
import {
  DefaultLogger,
  makeTelemetryFilterString,
  NativeConnection,
  Runtime,
  Worker,
  type WorkerOptions,
} from "@temporalio/worker";
import { v7 as uuidv7 } from "uuid";
import type { Config } from "#config";
import { openDatabase } from "#db/client";
import { countMissingMigrations } from "#db/migrations";
import { ensureInstallation } from "#db/queries/installation";
import { hasPhotos } from "#db/queries/photos";
import { settingSchemas } from "#db/settings";
import { createDiskStorage } from "#media/disk";
import { claimLibrary } from "#media/library-marker";
import { createPixelBudget, defaultBudget } from "#media/pixel-budget";
import { housekeepingId } from "#workflows/housekeeping/contract";
import { queues } from "#workflows/task-queues";
import { configuredTimings, type Timings } from "#workflows/timings";
import type { ActivityDeps } from "./deps";
import { createActivities } from "./index";
import { createLocalInvokeAi } from "./local-invokeai";
import { refreshModels, watchModels } from "./model-watch";
import { ensureNamespace, keepNamespace } from "./namespace";
import { ensureSchedules } from "./schedules";
import { whenOneFails } from "./worker-failure";

/** What the settings may ask for; how many of these run at once is decided at each one's start. */
const maxParallelRetrievals = settingSchemas["retrieval.parallel_retrievals"].maximum;
const decodeTimeoutSeconds = 60;

/**
 * Runs the worker until a signal ends it.
 * @returns the exit code: 0 after a clean stop, 1 when it stopped badly
 */
export async function runWorker(config: Config, timings: Partial<Timings> = {}): Promise<number> {
  installRuntime(config);
  const database = openDatabase(config.secrets.databaseUrl, {
    maxConnections: 10,
    applicationName: "gallery-worker",
  });
  if ((await countMissingMigrations(database.db)) > 0) {
    throw new Error("The database schema is behind this program; run ./gallery migrate.");
  }
  const installation = await ensureInstallation(database.db);
  const storage = createDiskStorage({ dataDir: config.dataDir });
  await claimLibrary(storage, installation.id, () => hasPhotos(database.db));
  const namespace = config.temporal.namespace ?? `gallery-${installation.id}`;
  const { address } = config.temporal;
  const { logger } = Runtime.instance();
  logger.info("database and library ready");
  const connection = await Connection.connect({ address });
  await ensureNamespace(connection, namespace);
  logger.info("namespace ready", { namespace });
  const temporal = new Client({ connection, namespace });
  const native = await NativeConnection.connect({ address });
  const deps = createDeps(config, {
    database,
    storage,
    temporal,
    timings: { ...configuredTimings(config), ...timings },
  });
  const workers = await createWorkers(config, deps, native, namespace);
  const stopping = new AbortController();
  let code = 0;
  try {
    const running = Promise.race([
      Promise.all(workers.map((worker) => worker.run())),
      whenOneFails(workers, stopping.signal),
    ]);
    await Promise.race([running, prepareWork(temporal)]);
    void watchModels(deps, {
      backend: "local",
      quietMs: 1_000,
      onFault: (error) => void logger.warn("the models were not asked for", { error }),
      signal: stopping.signal,
    });
    const refill = () => {
      logger.warn("the workflow service has lost its database; work is started again from rows");
      return prepareWork(temporal);
    };
    void keepNamespace(connection, namespace, refill, stopping.signal);
    await running;
  } catch (error) {
    logger.error("worker stopped badly", { error: String(error) });
    code = 1;
  }
  stopping.abort();
  await native.close().catch(() => {});
  await connection.close().catch(() => {});
  await database.close().catch(() => {});
  return code;
}

/** What must run always, and what was left lying while no worker was there. */
async function prepareWork(temporal: Client): Promise<void> {
  await ensureSchedules(temporal);
  await temporal.workflow.start("reconcile", {
    taskQueue: queues.main,
    workflowId: housekeepingId("reconcile"),
    workflowIdConflictPolicy: "USE_EXISTING",
  });
  // What this program knows of a base may have changed since it last ran.
  await refreshModels(temporal);
}

function createDeps(
  config: Config,
  parts: Pick<ActivityDeps, "database" | "storage" | "temporal" | "timings">,
): ActivityDeps {
  return {
    ...parts,
    ...createLocalInvokeAi(config, parts.database),
    config,
    decodeLimits: {
      budget: createPixelBudget(defaultBudget),
      timeoutSeconds: decodeTimeoutSeconds,
    },
    now: () => new Date(),
    newId: () => uuidv7(),
  };
}

async function createWorkers(
  config: Config,
  deps: ActivityDeps,
  connection: NativeConnection,
  namespace: string,
): Promise<Worker[]> {
  const activities = createActivities(deps);
  const shared: Omit<WorkerOptions, "taskQueue"> = {
    connection,
    namespace,
    activities,
    identity: `gallery@${hostname()}:${process.pid}`,
    // A cancel arrives with a heartbeat's answer, and an outage shorter than the heartbeat time-out is not noticed.
    maxHeartbeatThrottleInterval: "500ms",
    // Together below the 10 s in which the whole program stops.
    shutdownGraceTime: "3s",
    shutdownForceTime: "6s",
  };
  const { workflowBundlePath } = config.temporal;
  const main = await Worker.create({
    ...shared,
    taskQueue: queues.main,
    ...(workflowBundlePath
      ? { workflowBundle: { codePath: workflowBundlePath } }
      : { workflowsPath: new URL("../workflows/index.ts", import.meta.url).pathname }),
    // The default is derived from figures of another runtime and differs from start to start.
    maxCachedWorkflows: 100,
    maxConcurrentActivityTaskExecutions: 16,
    // After a killed worker its runs are taken over in seconds.
    stickyQueueScheduleToStartTimeout: "2s",
  });
  const images = await Worker.create({
    ...shared,
    taskQueue: queues.images,
    maxConcurrentActivityTaskExecutions: maxParallelRetrievals,
  });
  return [main, images];
}

function installRuntime(config: Config): void {
  const level =
    config.logLevel === "silent" || config.logLevel === "fatal"
      ? "ERROR"
      : config.logLevel.toUpperCase();
  Runtime.install({
    logger: new DefaultLogger(level as "INFO", (entry) => {
      const { level: severity, message, timestampNanos: _, meta } = entry;
      process.stdout.write(
        `${JSON.stringify({ level: severity.toLowerCase(), msg: message, ...readable(meta) })}\n`,
      );
    }),
    telemetryOptions: {
      logging: { forward: {}, filter: makeTelemetryFilterString({ core: "WARN", other: "ERROR" }) },
    },
  });
}

/** Errors and big numbers do not survive JSON by themselves. */
function readable(meta: Record<string, unknown> | undefined): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(meta ?? {}).map(([key, value]) => {
      if (value instanceof Error) return [key, readableError(value)];
      return [key, typeof value === "bigint" ? String(value) : value];
    }),
  );
}

/** A failed query's own message holds its parameters, prompts among them: only its cause is told. */
function readableError(error: Error): Record<string, unknown> {
  const told =
    error.name === "DrizzleQueryError" && error.cause instanceof Error ? error.cause : error;
  return { name: told.name, message: told.message, at: told.stack?.split("\n").slice(1, 6) };
}
