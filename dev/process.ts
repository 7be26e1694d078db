import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import type { Guardian } from "./guardian";
import { groupIsAlive, signalGroup } from "./process-group";

export type ProcessPlan = {
  name: string;
  command: readonly string[];
  env: Record<string, string | undefined>;
  cwd: string;
  /** Both output streams are appended here. */
  logPath: string;
  /** How it is asked to stop. */
  stopSignal: NodeJS.Signals;
};

export type RunningProcess = {
  name: string;
  pid: number;
  logPath: string;
  /** Exit code, or 128 + signal. */
  exited: Promise<number>;
  hasExited: () => boolean;
  /** What it has written since this start. */
  output: () => string;
  /** Asks it to stop and kills its whole group after `graceMs`. */
  stop: (graceMs: number) => Promise<void>;
};

const keptLogBytes = 10_000_000;

/** Starts a process in a group of its own, watched by the guardian. */
export function startProcess(guardian: Guardian, plan: ProcessPlan): RunningProcess {
  const log = openLog(plan.logPath);
  const child = Bun.spawn([...plan.command], {
    cwd: plan.cwd,
    env: plan.env,
    stdin: "ignore",
    stdout: log.fd,
    stderr: log.fd,
    detached: true,
  });
  guardian.watch(child.pid, plan.stopSignal);
  closeSync(log.fd);
  const exited = child.exited.then((code) => {
    // What it has started itself goes with it.
    signalGroup(child.pid, "SIGKILL");
    guardian.forget(child.pid);
    return code;
  });
  return {
    name: plan.name,
    pid: child.pid,
    logPath: plan.logPath,
    exited,
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    output: () => readFileSync(plan.logPath).subarray(log.startsAt).toString("utf8"),
    stop: async (graceMs) => {
      if (groupIsAlive(child.pid)) signalGroup(child.pid, plan.stopSignal);
      const timer = setTimeout(() => signalGroup(child.pid, "SIGKILL"), graceMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function openLog(path: string): { fd: number; startsAt: number } {
  const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
  const isLarge = size > keptLogBytes;
  if (isLarge) renameSync(path, `${path}.1`);
  return { fd: openSync(path, "a", 0o600), startsAt: isLarge ? 0 : size };
}

/** The end of an output, for a message. */
export function lastLines(output: string, count = 15): string {
  return output.trimEnd().split("\n").slice(-count).join("\n");
}
