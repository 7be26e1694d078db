import type { TestProcess } from "#tests/support/process";

/** A worker that is started again whenever it ends, as a service manager would. */
export type KeptWorker = {
  current(): TestProcess;
  /** SIGKILL; the next one starts after `awayMs`. False when it was not running. */
  kill(awayMs: number): Promise<boolean>;
  /** Why those that nobody killed have ended, in the order in which they did. */
  outputs(): string[];
  stop(): Promise<void>;
};

/** Between a worker that ended by itself, such as one that found no database, and the next. */
const usualPauseMs = 500;

/** Launches a worker and keeps one running. */
export function keepWorker(launch: () => TestProcess): KeptWorker {
  let worker = launch();
  let isRunning = true;
  let isStopping = false;
  let pauseMs = usualPauseMs;
  const ended: TestProcess[] = [];

  async function keep(): Promise<void> {
    while (!isStopping) {
      await worker.exited;
      isRunning = false;
      ended.push(worker);
      await Bun.sleep(pauseMs);
      if (isStopping) return;
      pauseMs = usualPauseMs;
      worker = launch();
      isRunning = true;
    }
  }
  const kept = keep();

  return {
    current: () => worker,
    async kill(awayMs) {
      if (!isRunning) return false;
      pauseMs = awayMs;
      await worker.kill();
      return true;
    },
    outputs: () => [...ended, ...(isRunning ? [worker] : [])].map((each) => each.output()),
    async stop() {
      isStopping = true;
      if (isRunning) await worker.kill();
      await kept;
    },
  };
}
