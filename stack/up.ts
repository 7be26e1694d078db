import { join } from "node:path";
import { type Config, ConfigError, loadConfig } from "#config";
import { applyMigrations, startApp } from "./app-processes";
import { takeDataFolder } from "./data-folder";
import { startGuardian } from "./guardian";
import { findFreePort, portFault } from "./ports";
import { waitUntilReady } from "./readiness";
import { Refusal } from "./refusal";
import { runpodEnvironment, type SimulatedRunpod, startRunpod } from "./simulated-runpod";
import { describeStack } from "./summary";
import {
  type Environment,
  type StackDeps,
  type StackPart,
  startDatabase,
  startInvokeai,
  startTemporal,
} from "./stack";
import type { UpOptions } from "./up-options";
import { writeRunning } from "./running";
import { watchSources } from "./watch";
import { ensureWorkflowBundle } from "./workflow-bundle";

export type RunningStack = {
  baseUrl: string;
  dataDir: string;
  /** The one that the settings name, with its address. */
  bucket: string | undefined;
  headers: Record<string, string>;
  /** With `--remote-demo`. */
  runpod: SimulatedRunpod | undefined;
};

/**
 * `./gallery up`: starts everything, and runs until a signal, until a part is given up, or until `whenReady` returns
 * an exit status.
 * @returns the exit status
 */
export async function up(
  root: string,
  options: UpOptions,
  env: Environment,
  whenReady: (stack: RunningStack) => Promise<number | undefined>,
): Promise<number> {
  const { s3 } = readConfig(env, options);
  const host = env["HOST"]?.trim() || "127.0.0.1";
  const port = options.port === 0 ? await findFreePort() : options.port;
  const folder = await takeDataFolder(options.dataDir, say);
  // After the folder, because a killed run's API releases the port a moment later.
  await refuseTakenPort(port, host);
  const guardian = await startGuardian({ lockPath: folder.processesLockPath });
  const parts: StackPart[] = [];
  const ending = Promise.withResolvers<number>();
  let isStopping = false;
  const deps: StackDeps = {
    root,
    env,
    guardian,
    folder,
    say,
    onStarted: (part) => {
      parts.push(part);
      // It became ready while everything was stopping.
      if (isStopping) void part.process.stop(0);
    },
    onGiveUp: (reason) => ending.reject(new Refusal(reason)),
  };
  const onSignal = () => {
    if (isStopping) {
      guardian.killAll();
      process.exit(130);
    }
    isStopping = true;
    say("Stopping … (press again to stop at once)");
    ending.resolve(options.once ? 130 : 0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);

  const startedAt = performance.now();
  const plan = { ...options, host, port, s3 };
  const running = startEverything(deps, plan).then(async (stack) => {
    if (isStopping) return;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
    say(`\nThe gallery is up, after ${seconds} s.\n\n${stack.summary}\n`);
    const status = await whenReady(stack);
    if (status === undefined) say("Ctrl-C stops everything.");
    else ending.resolve(status);
  });
  running.catch(ending.reject);
  try {
    return await ending.promise;
  } finally {
    isStopping = true;
    await stopEverything(parts);
    await guardian.close();
    folder.release();
  }
}

const say = (line: string) => console.log(line);

type Plan = Pick<UpOptions, "port" | "watch" | "remoteDemo"> &
  Pick<Config, "s3"> & { host: string };

async function startEverything(
  deps: StackDeps,
  { host, port, watch, remoteDemo, s3 }: Plan,
): Promise<RunningStack & { summary: string }> {
  const bundlePath = join(deps.folder.stackDir, "workflow-bundle.js");
  say("Starting services …");
  const [databaseUrl, temporal, invokeai, runpod] = await Promise.all([
    startDatabase(deps),
    startTemporal(deps),
    startInvokeai(deps),
    remoteDemo ? startRunpod(deps) : undefined,
    ensureWorkflowBundle(deps.root, bundlePath),
  ]);
  const env = {
    ...deps.env,
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_UI_URL: temporal.uiUrl,
    INVOKEAI_LOCAL_URL: invokeai.url,
    ...(runpod && runpodEnvironment(runpod)),
    DATA_DIR: deps.folder.path,
    HOST: host,
    PORT: String(port),
    WORKFLOW_BUNDLE: bundlePath,
  };
  await applyMigrations(deps, env);
  say("Starting worker and API …");
  const isAnyAddress = host === "0.0.0.0" || host === "::";
  const baseUrl = `http://${isAnyAddress ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`;
  await writeRunning(deps.folder.stackDir, { baseUrl, temporalAddress: temporal.address });
  const app = await startApp(deps, env, baseUrl);
  if (watch) restartOnChange(deps, bundlePath, app.restart);

  const token = deps.env["API_TOKEN"]?.trim();
  const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  const readiness = await waitUntilReady(baseUrl, 60_000, headers);
  if (!readiness.isReady) {
    say(`Not everything is ready yet: ${readiness.problems.join("; ")}`);
  }
  const summary = describeStack({
    baseUrl,
    temporalUiUrl: temporal.uiUrl,
    dataDir: deps.folder.path,
    logsDir: `${deps.folder.stackDir}/*.log`,
    invokeai,
    runpod,
    needsToken: token !== undefined && token !== "",
  });
  const bucket = s3 ? `${s3.bucket}/${s3.prefix} at ${s3.endpoint}` : undefined;
  return { baseUrl, dataDir: deps.folder.path, bucket, headers, runpod, summary };
}

function restartOnChange(deps: StackDeps, bundlePath: string, restart: () => Promise<void>): void {
  watchSources(deps.root, () => {
    const work = async () => {
      await ensureWorkflowBundle(deps.root, bundlePath);
      await restart();
      say("Sources changed: worker and API were restarted.");
    };
    // When the sources do not compile, the running processes are not touched.
    work().catch((error: Error) => say(error.message));
  });
}

/** Stops worker and API first, together; then the services. Takes at most 10 s. */
async function stopEverything(parts: StackPart[]): Promise<void> {
  for (const kind of ["app", "service"] as const) {
    const going = parts.filter((part) => part.kind === kind);
    await Promise.all(going.map((part) => part.process.stop(part.graceMs)));
  }
}

/** Reports all invalid variables at once, before anything starts. */
function readConfig(env: Environment, options: UpOptions): Config {
  try {
    const url = env["DATABASE_URL"]?.trim() || "postgres://embedded";
    return loadConfig({ ...env, DATABASE_URL: url, PORT: String(options.port) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Refusal(`The environment or .env has invalid values:\n${error.message}`);
  }
}

async function refuseTakenPort(port: number, host: string): Promise<void> {
  const reason = await portFault(port, host);
  if (reason === undefined) return;
  if (reason === "EADDRINUSE") {
    throw new Refusal(`Port ${port} is taken. Choose another one: ./gallery up --port ${port + 1}`);
  }
  if (reason === "EACCES") {
    throw new Refusal(`Port ${port} may not be used by this user; choose one above 1023.`);
  }
  throw new Refusal(`The API cannot listen on ${host}:${port} (${reason}).`);
}
