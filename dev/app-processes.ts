import { join } from "node:path";
import { lastLines, startProcess } from "./process";
import { diskFull, Refusal, tellsOfFullDisk } from "./refusal";
import { type Environment, logPath, type StackDeps, startPart } from "./stack";
import type { Supervised } from "./supervise";

/** Runs `db/migrate.ts` to its end. @throws Refusal with its last words */
export async function applyMigrations(
  deps: Pick<StackDeps, "root" | "guardian" | "folder">,
  env: Environment,
): Promise<void> {
  const migration = startProcess(deps.guardian, {
    name: "migrate",
    command: [process.execPath, "--no-env-file", join(deps.root, "db/migrate.ts")],
    env,
    cwd: deps.root,
    logPath: logPath(deps, "migrate"),
    stopSignal: "SIGTERM",
  });
  if ((await migration.exited) === 0) return;
  const output = migration.output();
  if (tellsOfFullDisk(output)) throw new Refusal(diskFull);
  throw new Refusal(`The migrations could not be applied:\n${lastLines(output)}`);
}

/**
 * For glibc's allocator: few arenas, and large buffers of their own. Without these what a burst of pictures took
 * stays with the process.
 */
export const allocatorSettings = { MALLOC_ARENA_MAX: "2", MALLOC_MMAP_THRESHOLD_: "1048576" };

export type AppProcesses = { restart: () => Promise<void> };

// The worker lets activities finish for 3 s and ends by force after 6 s.
const workerGraceMs = 6_500;
const apiGraceMs = 4_000;

/** Starts worker and api, each restarted when it dies. */
export async function startApp(deps: StackDeps, env: Environment): Promise<AppProcesses> {
  const start = (name: string, program: string) => async () =>
    startProcess(deps.guardian, {
      name,
      command: [process.execPath, "--no-env-file", join(deps.root, program)],
      env: { ...allocatorSettings, ...env },
      cwd: deps.root,
      logPath: logPath(deps, name),
      stopSignal: "SIGTERM",
    });
  const parts: [Supervised, number][] = [];
  for (const [name, program, graceMs] of [
    ["worker", "activities/worker.ts", workerGraceMs],
    ["api", "api/server.ts", apiGraceMs],
  ] as const) {
    const process = await startPart(
      deps,
      { name, start: start(name, program) },
      { kind: "app", graceMs },
    );
    parts.push([process, graceMs]);
  }
  return {
    restart: async () => {
      await Promise.all(parts.map(([process, graceMs]) => process.restart(graceMs)));
    },
  };
}
