import { createGalleryClient, type GalleryClient } from "#tests/support/gallery";
import { required } from "#tests/support/environment";
import { startTcpProxy } from "#tests/support/tcp-proxy";
import { isPolling, startStack, type Stack } from "#tests/support/stack";
import type { startTemporalServer } from "#tests/support/temporal-server";
import { until } from "#tests/support/wait";
import type { RunpodOptions } from "#simulators/runpod/start";
import type { Timings } from "#workflows/timings";
import { superviseWorker, type SupervisedWorker } from "./supervised-worker";
import { createOutages, type Outages } from "./outages";

export type TemporalServer = Awaited<ReturnType<typeof startTemporalServer>>;

/** Connections are refused, or accepted and silent. */
type Cut = "refused" | "silent" | void;

/** A running gallery whose parts can be stopped. */
export type TestBed = {
  stack: Stack;
  gallery: GalleryClient;
  worker: SupervisedWorker;
  /** Default: refused. */
  postgres: Outages<Cut>;
  temporal: Outages<{ isLost: boolean }>;
  stop(): Promise<void>;
};

export type TestBedOptions = {
  /** The folder of the worker's sources, when they are not the project's own. */
  workerRoot?: string;
  /** "shipped": no wait is shortened. */
  waits?: "short" | "shipped";
  /** Other short waits than those of a session. */
  timings?: Partial<Timings>;
  runpod?: RunpodOptions;
  /** The folder for the data folder. */
  dataIn?: string;
};

/** Short, but long enough that on a slow machine a late batch still arrives within the grace period. */
const shortWaits: Partial<Timings> = { enqueueGraceMs: 3_000, reconcileEveryMs: 3_000 };
/** Long enough that a fault at a random moment can hit each image. */
const stepDelayMs = 25;

/** Starts API, worker, simulator and a database. Temporal is lent: until it stops, only this test bed may kill it. */
export async function startTestBed(
  server: TemporalServer,
  { workerRoot, waits = "short", timings = {}, runpod, dataIn }: TestBedOptions,
): Promise<TestBed> {
  const target = new URL(required("TEST_DATABASE_URL"));
  const line = await startTcpProxy({ host: target.hostname, port: Number(target.port) });
  const stack = await startStack({
    temporalAddress: server.address,
    databaseUrl: line.through,
    // No fault lasts for long, so an image that is given up breaks a promise.
    env: { RETRIEVAL_MAX_ATTEMPTS: "50" },
    ...(waits === "short" ? { timings: { ...shortWaits, ...timings } } : { waits }),
    ...(runpod && { runpod }),
    ...(dataIn !== undefined && { dataIn }),
  });
  await stack.invokeai.control.setStepDelay(stepDelayMs);
  const worker = superviseWorker(() => stack.launchWorker(workerRoot));
  const api = await stack.startApi();
  await until(
    "a worker that polls",
    () => isPolling(worker.current()),
    60_000,
    () => worker.current().output(),
  );
  const postgres = createOutages<Cut>({
    begin: (how) => (how === "silent" ? line.stall() : line.cut()),
    end() {
      line.resume();
      line.restore();
    },
  });
  const temporal = createOutages<{ isLost: boolean }>({
    async begin({ isLost }) {
      await server.kill();
      if (isLost) await server.deleteDatabase();
    },
    end: () => server.start(),
  });
  return {
    stack,
    worker,
    gallery: createGalleryClient(api.url),
    postgres,
    temporal,
    async stop() {
      // The Temporal server is used again by the next one.
      await Promise.allSettled([postgres.over(), temporal.over()]);
      await worker.stop();
      await stack.stop();
      await line.stop();
    },
  };
}
