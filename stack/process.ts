import { closeSync, openSync, readFileSync, renameSync, statSync } from "node:fs";
import type { Guardian } from "./guardian";
import { writeAsEntries } from "./log-entries";
import { groupIsAlive, signalGroup } from "./process-group";

export type ProcessPlan = {
  name: string;
  command: readonly string[];
  env: Record<string, string | undefined>;
  cwd: string;
  /** Both output streams are appended to this file. */
  logPath: string;
  /** The signal that asks it to stop. */
  stopSignal: NodeJS.Signals;
  /** It sends messages over Node's IPC as long as its event loop runs. */
  sendsSigns?: boolean;
  /** Its log has one JSON object per line, also for output of its runtime and of a crash. */
  logsEntries?: boolean;
};

export type RunningProcess = {
  name: string;
  pid: number;
  logPath: string;
  /** Exit code, or 128 + signal. */
  exited: Promise<number>;
  hasExited: () => boolean;
  /** Its output since this start. */
  output: () => string;
  /** Time since it started or last reported that it is alive; only for a process with `sendsSigns`. */
  silentMs: () => number;
  /** Asks it to stop, and kills its whole group after `graceMs`. */
  stop: (graceMs: number) => Promise<void>;
};

const keptLogBytes = 10_000_000;
/** A child process that left the group may still hold its standard error open. */
const lastWordsMs = 1_000;

/** Starts a process in its own group, recorded by the guardian. */
export function startProcess(guardian: Guardian, plan: ProcessPlan): RunningProcess {
  const log = openLog(plan.logPath);
  let heardAt = performance.now();
  // Other users cannot read the log.
  const umask = process.umask(0o077);
  const child = Bun.spawn([...plan.command], {
    cwd: plan.cwd,
    env: plan.env,
    stdin: "ignore",
    stdout: log.fd,
    stderr: plan.logsEntries ? "pipe" : log.fd,
    detached: true,
    ...(plan.sendsSigns && { ipc: () => (heardAt = performance.now()) }),
  });
  process.umask(umask);
  guardian.watch(child.pid, plan.stopSignal);
  const drained =
    child.stderr instanceof ReadableStream
      ? writeAsEntries(child.stderr, log.fd)
      : closeSync(log.fd);
  const exited = child.exited.then(async (code) => {
    // Also ends the processes that it started.
    signalGroup(child.pid, "SIGKILL");
    guardian.forget(child.pid);
    await Promise.race([drained, Bun.sleep(lastWordsMs)]);
    return code;
  });
  return {
    name: plan.name,
    pid: child.pid,
    logPath: plan.logPath,
    exited,
    hasExited: () => child.exitCode !== null || child.signalCode !== null,
    silentMs: () => performance.now() - heardAt,
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
