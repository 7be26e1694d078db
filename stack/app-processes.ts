import { join } from "node:path";
import type { Program } from "#config";
import { programEnvironment } from "./environment";
import { lastLines, startProcess } from "./process";
import { diskFull, Refusal, reportsFullDisk } from "./refusal";
import { type Environment, logPath, type StackDeps, startPart } from "./stack";

/**
 * Runs `db/migrate.ts` to its end.
 * @throws Refusal with the end of its output
 */
export async function applyMigrations(
  deps: Pick<StackDeps, "root" | "guardian" | "folder">,
  env: Environment,
): Promise<void> {
  const migration = startProcess(deps.guardian, {
    name: "migrate",
    command: [process.execPath, "--no-env-file", join(deps.root, "db/migrate.ts")],
    env: programEnvironment("migrate", env),
    cwd: deps.root,
    logPath: logPath(deps, "migrate"),
    stopSignal: "SIGTERM",
  });
  if ((await migration.exited) === 0) return;
  const output = migration.output();
  if (reportsFullDisk(output)) throw new Refusal(diskFull);
  throw new Refusal(`The migrations could not be applied:\n${lastLines(output)}`);
}

/**
 * For glibc's allocator: few arenas, and separate mappings for large buffers. Without these settings the memory of a
 * burst of pictures is never returned to the system. The pixels of 1024² are just below the threshold: to map and unmap
 * them for each step of a decode takes an eighth of its processor time.
 */
export const allocatorSettings = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "4194304" };

export type AppProcesses = { restart: () => Promise<void> };

// On a stop, the worker gives activities 3 s to finish and exits by force after 6 s.
const workerGraceMs = 6_500;
const apiGraceMs = 4_000;
const answerTimeoutMs = 5_000;
/** The worker reports that it is alive every 2 s. */
const silenceMs = 10_000;

/**
 * Starts worker and API; each is restarted when it dies or hangs.
 * @param baseUrl where the API listens
 */
export async function startApp(
  deps: StackDeps,
  env: Environment,
  baseUrl: string,
): Promise<AppProcesses> {
  const startOf = (name: Program, program: string) => async () =>
    startProcess(deps.guardian, {
      name,
      command: [process.execPath, "--no-env-file", join(deps.root, program)],
      env: { ...allocatorSettings, ...programEnvironment(name, env) },
      cwd: deps.root,
      logPath: logPath(deps, name),
      stopSignal: "SIGTERM",
      sendsSigns: name === "worker",
      logsEntries: true,
    });
  const worker = await startPart(
    deps,
    {
      name: "worker",
      start: startOf("worker", "activities/worker.ts"),
      liveness: {
        isAlive: async ({ silentMs }) => silentMs() < silenceMs,
        graceMs: workerGraceMs,
      },
    },
    { kind: "app", graceMs: workerGraceMs },
  );
  const api = await startPart(
    deps,
    {
      name: "api",
      start: startOf("api", "api/server.ts"),
      liveness: { isAlive: () => answers(baseUrl), graceMs: apiGraceMs },
    },
    { kind: "app", graceMs: apiGraceMs },
  );
  return {
    restart: async () => {
      await Promise.all([worker.restart(workerGraceMs), api.restart(apiGraceMs)]);
    },
  };
}

/** Any response counts. Each request uses a new connection, as a new client would. */
async function answers(baseUrl: string): Promise<boolean> {
  try {
    const signal = AbortSignal.timeout(answerTimeoutMs);
    await fetch(`${baseUrl}/health`, { signal, headers: { connection: "close" } });
    return true;
  } catch {
    return false;
  }
}
