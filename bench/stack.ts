import { mkdir, mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Client, Connection } from "@temporalio/client";
import { openDatabase, type Database } from "#db/client";
import { applyMigrations } from "#db/migrations";
import { ensureInstallation } from "#db/queries/installation/installation";
import { allocatorSettings } from "#stack/app-processes";
import { startGuardian } from "#stack/guardian";
import { createDatabase } from "#stack/postgres-database";
import { lastLines, type RunningProcess, startProcess } from "#stack/process";
import { waitUntilReady } from "#stack/readiness";
import { startTestServices, type TestServices } from "#stack/test-services";
import { waitFor } from "#stack/wait";

type Program = { command: string[]; env: Record<string, string | undefined> };

/** The measured programs: API, worker and simulator as separate processes, on services that are durable as in `up`. */
export type BenchStack = {
  url: string;
  simulatorUrl: string;
  folder: string;
  databaseUrl: string;
  database: Database;
  temporal: Client;
  api: RunningProcess;
  worker: RunningProcess;
  services: TestServices["servers"];
  /** Another worker on the same folder. */
  startWorker: (number: number) => Promise<RunningProcess>;
  /** Starts another process and waits for its line `ready <url>`. */
  startServer: (
    name: string,
    program: Program,
  ) => Promise<{ url: string; stop: () => Promise<void> }>;
  stop: () => Promise<void>;
};

/** Starts all of it, like `./gallery up`, in a temporary folder. */
export async function startBenchStack(
  root: string,
  env: Record<string, string | undefined>,
): Promise<BenchStack> {
  const services = await startTestServices(root, env, { durable: true });
  const folder = await mkdtemp(join(tmpdir(), "photo-gallery-bench-"));
  const guardian = await startGuardian({ scratch: folder });
  const started: RunningProcess[] = [];
  const closers: (() => Promise<unknown>)[] = [];

  async function stop(): Promise<void> {
    for (const process of started.toReversed()) await process.stop(6_500);
    await Promise.allSettled(closers.map((close) => close()));
    // Also removes the folder.
    await guardian.close();
    await services.stop();
  }

  function start(name: string, { command, env: own }: Program): RunningProcess {
    const process = startProcess(guardian, {
      name,
      command,
      env: { ...services.env, ...own },
      cwd: root,
      logPath: join(folder, `${name}.log`),
      stopSignal: "SIGTERM",
    });
    started.push(process);
    return process;
  }

  const program = (path: string, ...args: string[]) => [
    process.execPath,
    "--no-env-file",
    join(root, path),
    ...args,
  ];

  async function startServer(name: string, its: Program) {
    const server = start(name, its);
    const url = await readUrl(server, /^ready (http:\S+?)\/?$/m);
    return { url, stop: () => server.stop(2_000) };
  }

  try {
    const databaseUrl = await prepareDatabase(services.env["TEST_DATABASE_URL"]!);
    const database = openDatabase(databaseUrl, {
      maxConnections: 4,
      applicationName: "gallery-bench",
    });
    closers.push(() => database.close());
    await applyMigrations(database);
    const simulator = await startServer("invokeai", {
      command: program("simulators/invokeai/main.ts", "--step-delay", "0"),
      env: {},
    });
    const dataDir = join(folder, "data");
    await mkdir(dataDir);
    const address = services.env["TEST_TEMPORAL_ADDRESS"]!;
    const appEnv = {
      DATABASE_URL: databaseUrl,
      TEMPORAL_ADDRESS: address,
      INVOKEAI_LOCAL_URL: simulator.url,
      DATA_DIR: dataDir,
      IMPORT_ROOTS: folder,
      PORT: "0",
      WORKFLOW_BUNDLE: services.env["TEST_WORKFLOW_BUNDLE"],
      ...allocatorSettings,
    };
    const startWorker = async (number: number) => {
      const another = start(`worker-${number}`, {
        command: program("activities/worker.ts"),
        env: appEnv,
      });
      await waitFor(() => another.output().includes('"state":"RUNNING"') || undefined, {
        timeoutMs: 60_000,
        onTimeout: () => new Error(`a worker did not start:\n${lastLines(another.output())}`),
      });
      return another;
    };
    const worker = start("worker", { command: program("activities/worker.ts"), env: appEnv });
    const api = start("api", { command: program("api/server.ts"), env: appEnv });
    const url = await readUrl(api, /"url":"([^"]+)"/);
    const readiness = await waitUntilReady(url, 60_000, {});
    if (!readiness.isReady) throw new Error(`not ready: ${readiness.problems.join("; ")}`);
    const connection = Connection.lazy({ address });
    closers.push(() => connection.close());
    const namespace = `gallery-${(await ensureInstallation(database.db)).id}`;
    const temporal = new Client({ connection, namespace });
    return {
      url,
      simulatorUrl: simulator.url,
      folder,
      databaseUrl,
      database,
      temporal,
      api,
      worker,
      services: services.servers,
      startServer,
      startWorker,
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

/**
 * Creates a separate database, also on a server that the caller named.
 * @returns its URL
 */
async function prepareDatabase(maintenanceUrl: string): Promise<string> {
  const url = new URL(maintenanceUrl);
  url.pathname = `/gallery_bench_${crypto.randomUUID().slice(0, 8)}`;
  await createDatabase(maintenanceUrl, url.pathname.slice(1));
  return url.href;
}

function readUrl(server: RunningProcess, pattern: RegExp): Promise<string> {
  const failure = () => new Error(`${server.name} did not start:\n${lastLines(server.output())}`);
  return waitFor(
    () => {
      const url = pattern.exec(server.output())?.[1];
      if (url === undefined && server.hasExited()) throw failure();
      return url;
    },
    { timeoutMs: 30_000, onTimeout: failure },
  );
}
