import type { Config } from "#config";
import { openDatabase } from "#db/client";
import { openLibrary } from "#library/open";
import { createDecodeBudget, defaultBudget } from "#media/pictures/decode-budget";
import { createOutput, ignoreStreamFaults } from "#output";
import { startTracing } from "#tracing/spans";
import { configuredTimings, type Timings } from "#workflows/timings";
import { createApp } from "./app";
import { watchBackups } from "./backup-metrics";
import { createDatabaseProbe } from "./http/database-watch";
import { type ApiDeps, passwordCost } from "./deps";
import { edgeLimits, type EdgeLimits } from "./http/edge-limits";
import { createLog, inBatches } from "./log";
import { countFailedCalls, createMetrics, watchDatabase, watchLog, watchProcess } from "./metrics";
import { watchParts } from "./part-metrics";
import { watchPods } from "./pod-metrics";
import { withRawPaths } from "./http/request-path";
import { createWorkflowClient } from "./temporal/workflow-client";

/** Requests in progress when the server is asked to stop have this long to finish. */
const drainMs = 3_000;

export type RunningApi = { url: string; stop(): Promise<void> };

/**
 * Starts the api and returns once it listens.
 * @param options.timings waits of the workflows that the api starts; for tests
 * @param options.limits limits on time and on concurrent requests; for tests
 * @throws Error whose message says what to do: migrations missing, wrong data folder, port in use
 */
export async function serve(
  config: Config,
  options: { timings?: Partial<Timings>; limits?: Partial<EdgeLimits> } = {},
): Promise<RunningApi> {
  ignoreStreamFaults();
  const output = createOutput();
  const log = createLog(config.logLevel, inBatches(output));
  const database = openDatabase(config.secrets.databaseUrl, {
    maxConnections: 16,
    applicationName: "gallery-api",
  });
  try {
    const { installation, storage } = await openLibrary(database.db, config);
    const probe = createDatabaseProbe(config.secrets.databaseUrl);
    const temporal = createWorkflowClient({
      address: config.temporal.address,
      namespace: config.temporal.namespace ?? `gallery-${installation.id}`,
      uiUrl: config.temporal.uiUrl,
      log,
      timings: { ...configuredTimings(config), ...options.timings },
    });
    const metrics = createMetrics();
    watchProcess(metrics);
    watchLog(metrics, output);
    watchDatabase(metrics, database.db);
    watchPods(metrics, database.db, config);
    watchBackups(metrics, database.db);
    watchParts(metrics, storage, temporal, database.db);
    const closing = new AbortController();
    const tracer = await startTracing(config.tracesUrl, "gallery-api");
    const deps: ApiDeps = {
      config,
      installation,
      database,
      databaseIsAway: probe.isAway,
      storage,
      decodeLimits: { budget: createDecodeBudget(defaultBudget), timeoutSeconds: 30 },
      temporal: countFailedCalls(temporal, metrics),
      passwordCost,
      log,
      metrics,
      tracer,
      now: () => new Date(),
      newId: () => crypto.randomUUID(),
      closing: closing.signal,
    };
    const limits = { ...edgeLimits, ...options.limits };
    const server = listen(config, createApp(deps, limits), limits);
    const url = server.url.href.replace(/\/$/, "");
    log.info({ url }, "listening");

    const stop = async () => {
      closing.abort();
      await Promise.race([server.stop(), Bun.sleep(drainMs)]);
      await server.stop(true);
      await Promise.allSettled([
        temporal.close(),
        probe.close(),
        database.close(),
        tracer?.close(),
      ]);
      log.info("stopped");
    };
    return { url, stop };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function listen(config: Config, app: ReturnType<typeof createApp>, limits: EdgeLimits) {
  const server = Bun.serve({
    hostname: config.http.host,
    port: config.http.port,
    // Bun's error page shows paths and source lines; with a shared port, a port in use would go unnoticed.
    development: false,
    reusePort: false,
    // Each reader of a body has its own limit; Bun's limit answers 413 without an error body.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: limits.headersSeconds,
    ...withRawPaths<Bun.Server<undefined>>((request, here, sentSegments) => {
      here.timeout(request, limits.answerSeconds);
      return app.handle(request, {
        address: here.requestIP(request)?.address,
        sentSegments,
        setAnswerTime: (seconds) => here.timeout(request, seconds),
      });
    }),
  });
  return server;
}
