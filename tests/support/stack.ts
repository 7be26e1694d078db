import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { ensureInstallation } from "#db/queries/installation";
import {
  type Simulator,
  type SimulatorOptions,
  startSimulator,
} from "#dev/simulators/invokeai/start";
import type { Timings } from "#workflows/timings";
import { createTestDatabase } from "./database";
import { required } from "./environment";
import { startProcess, type TestProcess } from "./process";
import { until } from "./wait";

/** Short enough for a test, long enough for a busy machine. */
export const shortTimings = {
  heartbeatMs: 3_000,
  enqueueGraceMs: 500,
  turnAskAgainMs: 1_000,
  linePauseMs: 100,
  backendRetryMs: 300,
  backendCheckMs: 1_000,
  interruptedPauseMs: 100,
  retrievalDelayMs: 200,
  retrievalMaxDelayMs: 1_000,
  cancelDrainMs: 3_000,
} satisfies Partial<Timings>;

/** What shortens the waits of api and worker. */
const shortWaits = (timings: Partial<Timings> = {}) => ({
  // A sender that died is given up on after these and the grace together.
  INVOKEAI_CONNECTION_TIMEOUT: "1",
  INVOKEAI_READ_TIMEOUT: "2",
  TEST_TIMINGS: JSON.stringify({ ...shortTimings, ...timings }),
});

/** A start is never what is tested here; on a busy machine it may take its time. */
const startTimeoutMs = 50_000;

/** Whether a worker has begun to take work. */
export const isPolling = (worker: TestProcess): boolean =>
  worker.output().includes('"state":"RUNNING"');

export type StackOptions = {
  env?: Record<string, string>;
  timings?: Partial<Timings>;
  simulator?: SimulatorOptions;
  /** "shipped": nothing waits shorter than it does for an owner. */
  waits?: "short" | "shipped";
  temporalAddress?: string;
  /** Makes of the database's address the one that the processes use. */
  databaseUrl?: (url: string) => string;
};

export type Stack = Awaited<ReturnType<typeof startStack>>;

/**
 * Api and worker as real processes, on a database, a namespace and a data folder of their own, with InvokeAI's simulator.
 * Whatever a test kills it starts again by `startWorker` and `startApi`.
 */
export async function startStack(options: StackOptions = {}) {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "gallery-stack-"));
  const invokeai: Simulator = await startSimulator(options.simulator);
  const installation = await ensureInstallation(database.db);
  const namespace = `gallery-${installation.id}`;
  const address = options.temporalAddress ?? required("TEST_TEMPORAL_ADDRESS");
  const env = {
    DATABASE_URL: options.databaseUrl?.(database.url) ?? database.url,
    TEMPORAL_ADDRESS: address,
    INVOKEAI_LOCAL_URL: invokeai.url,
    DATA_DIR: dataDir,
    PORT: "0",
    WORKFLOW_BUNDLE: required("TEST_WORKFLOW_BUNDLE"),
    ...(options.waits === "shipped" ? {} : shortWaits(options.timings)),
    ...options.env,
  };
  const processes: TestProcess[] = [];

  function launchWorker(root?: string): TestProcess {
    const worker = startProcess("tests/support/processes/worker.ts", env, root);
    processes.push(worker);
    return worker;
  }

  async function startWorker(): Promise<TestProcess> {
    const worker = launchWorker();
    await until("a worker that polls", () => isPolling(worker), startTimeoutMs, worker.output);
    return worker;
  }

  async function startApi(): Promise<TestProcess & { url: string }> {
    const api = startProcess("tests/support/processes/api.ts", env);
    processes.push(api);
    const url = await until(
      "an api that listens",
      () => /"url":"([^"]+)"/.exec(api.output())?.[1],
      startTimeoutMs,
      api.output,
    );
    return { ...api, url };
  }

  const connection = Connection.lazy({ address });
  return {
    database,
    dataDir,
    invokeai,
    namespace,
    /** Without waiting for it; of the sources below `root`, where they are not the project's own. */
    launchWorker,
    startWorker,
    startApi,
    /** For a look at runs; what a test asks of the product goes through the api. */
    temporal: new Client({ connection, namespace }),
    /** Takes back every fault and waits until InvokeAI has nothing left to draw. */
    async calmInvokeAi(): Promise<void> {
      await invokeai.control.clearFaults();
      await invokeai.control.until(({ queue }) => queue.pending + queue.inProgress === 0);
    },
    async stop(): Promise<void> {
      await Promise.all(processes.map((each) => each.kill()));
      await connection.close();
      await invokeai.stop();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
