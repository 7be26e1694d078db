import type { Guardian } from "#stack/guardian";
import { signalGroup } from "#stack/process-group";
import { lastLines, type RunningProcess, startProcess } from "#stack/process";
import type { Host } from "./network";

/** A machine with the one program that it runs. */
export type Machine = Host & {
  start: () => void;
  /** Like a power cut. */
  kill: () => Promise<void>;
  stop: () => Promise<void>;
  isRunning: () => boolean;
  lastWords: () => string;
};

type Program = {
  command: string[];
  env: Record<string, string | undefined>;
  cwd: string;
  logPath: string;
  stopSignal?: NodeJS.Signals;
};

export function createMachine(guardian: Guardian, host: Host, program: Program): Machine {
  let running: RunningProcess | undefined;
  const kill = async () => {
    if (!running) return;
    signalGroup(running.pid, "SIGKILL");
    await running.exited;
  };
  return {
    ...host,
    start: () => {
      running = startProcess(guardian, {
        name: host.name,
        stopSignal: "SIGTERM",
        ...program,
        command: [...host.prefix, ...program.command],
      });
    },
    kill,
    stop: async () => running?.stop(8_000),
    isRunning: () => running !== undefined && !running.hasExited(),
    lastWords: () => (running ? lastLines(running.output(), 3) : ""),
  };
}
