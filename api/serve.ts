import type { Config } from "#config";
import { openDatabase } from "#db/client";
import { countMissingMigrations } from "#db/migrations";
import { createDiskStorage } from "#media/disk";
import { createPixelBudget, defaultBudget } from "#media/pixel-budget";
import { configuredTimings, type Timings } from "#workflows/timings";
import { rememberAnswerTime } from "./answer-time";
import { createApp } from "./app";
import { createDatabaseProbe } from "./database-watch";
import type { ApiDeps } from "./deps";
import { checkInstallation } from "./installation";
import { createLog } from "./log";
import { countFailedCalls, createMetrics, watchDatabase, watchProcess } from "./metrics";
import { rememberPeer } from "./peer";
import { createWorkflowTeller } from "./temporal";

/** For the headers of a request; what comes after has bounds of its own. */
const headersSeconds = 15;
/** For an answer on which nothing moves: longer than a decode may take, and than an event stream is silent. */
const answerSeconds = 120;
/** Requests that are being answered when the server is asked to stop are given this long. */
const drainMs = 3_000;

export type RunningApi = { url: string; stop(): Promise<void> };

/**
 * Starts the api and returns once it listens.
 * @param options.timings waits of the workflows it starts, for tests
 * @throws Error that says what to do: migrations missing, wrong data folder, port taken
 */
export async function serve(
  config: Config,
  options: { timings?: Partial<Timings> } = {},
): Promise<RunningApi> {
  const log = createLog(config.logLevel);
  const database = openDatabase(config.secrets.databaseUrl, {
    maxConnections: 16,
    applicationName: "gallery-api",
  });
  const storage = createDiskStorage({ dataDir: config.dataDir });
  try {
    const missing = await countMissingMigrations(database.db);
    if (missing > 0) {
      throw new Error(
        `The database lacks ${missing} migration${missing === 1 ? "" : "s"}; run: ./gallery migrate`,
      );
    }
    const installation = await checkInstallation(database.db, storage);
    const probe = createDatabaseProbe(config.secrets.databaseUrl);
    const temporal = createWorkflowTeller({
      address: config.temporal.address,
      namespace: config.temporal.namespace ?? `gallery-${installation.id}`,
      uiUrl: config.temporal.uiUrl,
      log,
      timings: { ...configuredTimings(config), ...options.timings },
    });
    const metrics = createMetrics();
    watchProcess(metrics);
    watchDatabase(metrics, database.db);
    const closing = new AbortController();
    const deps: ApiDeps = {
      config,
      database,
      databaseIsAway: probe.isAway,
      storage,
      decoding: { budget: createPixelBudget(defaultBudget), timeoutSeconds: 30 },
      temporal: countFailedCalls(temporal, metrics),
      log,
      metrics,
      now: () => new Date(),
      newId: () => Bun.randomUUIDv7(),
      closing: closing.signal,
    };
    const server = listen(config, createApp(deps));
    const url = server.url.href.replace(/\/$/, "");
    log.info({ url }, "listening");

    const stop = async () => {
      closing.abort();
      await Promise.race([server.stop(), Bun.sleep(drainMs)]);
      await server.stop(true);
      await Promise.allSettled([temporal.close(), probe.close(), database.close()]);
      log.info("stopped");
    };
    return { url, stop };
  } catch (error) {
    await database.close();
    throw error;
  }
}

function listen(config: Config, app: ReturnType<typeof createApp>) {
  const server = Bun.serve({
    hostname: config.http.host,
    port: config.http.port,
    // Every reader of a body counts for itself; the server's own bound answers a bare 413.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    idleTimeout: headersSeconds,
    fetch(request, here) {
      here.timeout(request, answerSeconds);
      rememberAnswerTime(request, (seconds) => here.timeout(request, seconds));
      rememberPeer(request, here.requestIP(request)?.address);
      return app.fetch(request);
    },
  });
  return server;
}
