import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { ensureInstallation } from "#db/queries/installation/installation";
import { type Simulator, type SimulatorOptions, startSimulator } from "#simulators/invokeai/start";
import {
  type RunpodOptions,
  type RunpodSimulator,
  simulatedKey,
  startRunpodSimulator,
} from "#simulators/runpod/start";
import { housekeepingId, housekeepingTasks } from "#workflows/housekeeping/contract";
import type { Timings } from "#workflows/timings";
import { createTestDatabase } from "./database";
import { required } from "./environment";
import { programPath, startProcess, type TestProcess } from "./process";
import { until } from "./wait";

/** Short enough for a test, long enough for a busy machine. */
export const shortTimings = {
  heartbeatMs: 3_000,
  enqueueGraceMs: 500,
  lineCheckMs: 1_000,
  backendRetryMs: 300,
  backendCheckMs: 5_000,
  interruptedPauseMs: 100,
  retrievalDelayMs: 200,
  retrievalMaxDelayMs: 1_000,
  cancelDrainMs: 3_000,
  podPollMs: 200,
  podCheckMs: 400,
  podRetryMs: 500,
  installCheckMs: 300,
} satisfies Partial<Timings>;

/** Variables that shorten the waits of api and worker. */
const shortWaits = (timings: Partial<Timings> = {}) => ({
  // A batch whose sender died stays in doubt for the sum of these and the grace period.
  INVOKEAI_CONNECTION_TIMEOUT: "1",
  INVOKEAI_READ_TIMEOUT: "2",
  TEST_TIMINGS: JSON.stringify({ ...shortTimings, ...timings }),
});

/** Of a pod that boots fast. */
const timeline = { provisioningMs: 100, startingMs: 100, runtimeMs: 100, terminatingMs: 100 };

/** Starting is not what is tested; long enough for a busy machine. */
const startTimeoutMs = 50_000;

/** Whether a worker polls for tasks. */
export const isPolling = (worker: TestProcess): boolean =>
  worker.output().includes('"state":"RUNNING"');

export type StackOptions = {
  env?: Record<string, string>;
  timings?: Partial<Timings>;
  simulator?: SimulatorOptions;
  /** Starts a simulator of RunPod too, and gives the worker its key; pods boot within a second unless it says otherwise. */
  runpod?: RunpodOptions;
  /** "shipped": all waits have their default values. */
  waits?: "short" | "shipped";
  temporalAddress?: string;
  /** The folder for the data folder; default: that of temporary files. */
  dataIn?: string;
  /** Maps the database's URL to the one that the processes use. */
  databaseUrl?: (url: string) => string;
};

export type Stack = Awaited<ReturnType<typeof startStack>>;

/**
 * Api and worker as real processes, with their own database, namespace, data folder and simulator of InvokeAI.
 * A test restarts what it kills with `startWorker` and `startApi`.
 */
export async function startStack(options: StackOptions = {}) {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(options.dataIn ?? tmpdir(), "gallery-stack-"));
  const invokeai: Simulator = await startSimulator(options.simulator);
  const runpod = options.runpod && (await startRunpodSimulator({ timeline, ...options.runpod }));
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
    ...(runpod && {
      RUNPOD_API_KEY: simulatedKey,
      RUNPOD_API_URL: runpod.url,
      RUNPOD_PROXY_URL: runpod.proxyUrl,
    }),
    ...options.env,
  };
  const processes: TestProcess[] = [];

  function launchWorker(root?: string, more: Record<string, string> = {}): TestProcess {
    const worker = startProcess(programPath("worker", root), { ...env, ...more }, root);
    processes.push(worker);
    return worker;
  }

  async function startWorker(more?: Record<string, string>): Promise<TestProcess> {
    const worker = launchWorker(undefined, more);
    await until("a worker that polls", () => isPolling(worker), startTimeoutMs, worker.output);
    return worker;
  }

  async function startApi(
    more: Record<string, string> = {},
  ): Promise<TestProcess & { url: string }> {
    const api = startProcess(programPath("api"), { ...env, ...more });
    processes.push(api);
    let hasEnded = false;
    void api.exited.then(() => (hasEnded = true));
    const url = await until(
      "an api that listens",
      () => {
        if (hasEnded) throw new Error(`the api ended:\n${api.output()}`);
        return /"url":"([^"]+)"/.exec(api.output())?.[1];
      },
      startTimeoutMs,
      api.output,
    );
    return { ...api, url };
  }

  const connection = Connection.lazy({ address });
  const temporal = new Client({ connection, namespace });

  /** The server that all files share would go on starting runs that nobody works on. */
  async function endSchedules(): Promise<void> {
    if (options.temporalAddress !== undefined) return;
    const ends = housekeepingTasks.map((task) =>
      temporal.schedule.getHandle(housekeepingId(task)).delete(),
    );
    // A stack whose worker never started has none.
    await Promise.allSettled(ends);
  }

  return {
    database,
    dataDir,
    /** Of its processes. */
    env,
    invokeai,
    /** Throws when none was asked for. */
    get runpod(): RunpodSimulator {
      if (!runpod) throw new Error("the stack was started without a simulator of RunPod");
      return runpod;
    },
    installationId: installation.id,
    namespace,
    /** Starts a worker without waiting for it; `root` holds its sources, by default the project's. */
    launchWorker,
    startWorker,
    startApi,
    /** For reading runs; tests make their requests through the api. */
    temporal,
    /** Clears all faults and waits until InvokeAI's queue is empty. */
    async calmInvokeAi(): Promise<void> {
      await invokeai.control.clearFaults();
      await invokeai.control.until(({ queue }) => queue.pending + queue.inProgress === 0);
    },
    async stop(): Promise<void> {
      await Promise.all(processes.map((each) => each.kill()));
      await endSchedules();
      await connection.close();
      await invokeai.stop();
      await runpod?.stop();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
