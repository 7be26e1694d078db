import { join } from "node:path";
import { ConfigError, loadConfig } from "#config";
import { applyMigrations, startApp } from "./app-processes";
import { takeDataFolder } from "./data-folder";
import { startGuardian } from "./guardian";
import { findFreePort, whyTaken } from "./ports";
import { waitUntilReady } from "./readiness";
import { Refusal } from "./refusal";
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
import { watchSources } from "./watch";
import { ensureWorkflowBundle } from "./workflow-bundle";

/** A system that runs. */
export type RunningStack = { baseUrl: string; dataDir: string; headers: Record<string, string> };

/**
 * `./gallery up`: starts everything and stays until a signal comes, a part is given up, or `whenReady` answers with an exit status.
 * @returns the exit status
 */
export async function up(
  root: string,
  options: UpOptions,
  env: Environment,
  whenReady: (stack: RunningStack) => Promise<number | undefined>,
): Promise<number> {
  checkConfig(env, options);
  const host = env["HOST"]?.trim() || "127.0.0.1";
  const port = options.port === 0 ? await findFreePort() : options.port;
  const folder = await takeDataFolder(options.dataDir, say);
  // After the folder: a killed run's API lets go of the port a moment later.
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
      // One that became ready while everything stops.
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
    say("Stopping … (once more: at once)");
    ending.resolve(options.once ? 130 : 0);
  };
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, onSignal);

  const startedAt = performance.now();
  const running = startEverything(deps, { host, port, watch: options.watch }).then(
    async (stack) => {
      if (isStopping) return;
      const seconds = ((performance.now() - startedAt) / 1000).toFixed(1);
      say(`\nThe gallery is up, after ${seconds} s.\n\n${stack.summary}\n`);
      const status = await whenReady(stack);
      if (status === undefined) say("Ctrl-C stops everything.");
      else ending.resolve(status);
    },
  );
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

type Listening = { host: string; port: number; watch: boolean };

async function startEverything(
  deps: StackDeps,
  { host, port, watch }: Listening,
): Promise<RunningStack & { summary: string }> {
  const bundlePath = join(deps.folder.stackDir, "workflow-bundle.js");
  say("Starting services …");
  const [databaseUrl, temporal, invokeai] = await Promise.all([
    startDatabase(deps),
    startTemporal(deps),
    startInvokeai(deps),
    ensureWorkflowBundle(deps.root, bundlePath),
  ]);
  const env = {
    ...deps.env,
    DATABASE_URL: databaseUrl,
    TEMPORAL_ADDRESS: temporal.address,
    TEMPORAL_UI_URL: temporal.uiUrl,
    INVOKEAI_LOCAL_URL: invokeai.url,
    DATA_DIR: deps.folder.path,
    HOST: host,
    PORT: String(port),
    WORKFLOW_BUNDLE: bundlePath,
  };
  await applyMigrations(deps, env);
  say("Starting worker and API …");
  const app = await startApp(deps, env);
  if (watch) restartOnChange(deps, bundlePath, app.restart);

  const token = deps.env["API_TOKEN"]?.trim();
  const headers: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : {};
  const isAnyAddress = host === "0.0.0.0" || host === "::";
  const baseUrl = `http://${isAnyAddress ? "127.0.0.1" : host.includes(":") ? `[${host}]` : host}:${port}`;
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
    needsToken: token !== undefined && token !== "",
  });
  return { baseUrl, dataDir: deps.folder.path, headers, summary };
}

function restartOnChange(deps: StackDeps, bundlePath: string, restart: () => Promise<void>): void {
  watchSources(deps.root, () => {
    const work = async () => {
      await ensureWorkflowBundle(deps.root, bundlePath);
      await restart();
      say("Sources changed: worker and API were restarted.");
    };
    // A source that does not compile for the moment leaves the running processes as they are.
    work().catch((error: Error) => say(error.message));
  });
}

/** Worker and api first, together; then what they stand on. Within 10 s. */
async function stopEverything(parts: StackPart[]): Promise<void> {
  for (const kind of ["app", "service"] as const) {
    const going = parts.filter((part) => part.kind === kind);
    await Promise.all(going.map((part) => part.process.stop(part.graceMs)));
  }
}

/** Tells of every faulty variable at once, before anything starts. */
function checkConfig(env: Environment, options: UpOptions): void {
  try {
    const url = env["DATABASE_URL"]?.trim() || "postgres://embedded";
    loadConfig({ ...env, DATABASE_URL: url, PORT: String(options.port) });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    throw new Refusal(`The environment or .env is at fault:\n${error.message}`);
  }
}

async function refuseTakenPort(port: number, host: string): Promise<void> {
  const reason = await whyTaken(port, host);
  if (reason === undefined) return;
  if (reason === "EADDRINUSE") {
    throw new Refusal(`Port ${port} is taken. Choose another one: ./gallery up --port ${port + 1}`);
  }
  if (reason === "EACCES") {
    throw new Refusal(`Port ${port} may not be used by this user; choose one above 1023.`);
  }
  throw new Refusal(`The API cannot listen on ${host}:${port} (${reason}).`);
}
