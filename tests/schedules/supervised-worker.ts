import type { TestProcess } from "#tests/support/process";

/** A worker that is restarted whenever it ends, as by a service manager. */
export type SupervisedWorker = {
  current(): TestProcess;
  /** SIGKILL; the next one starts after `awayMs`. false when it was not running. */
  kill(awayMs: number): Promise<boolean>;
  /** The outputs of all workers, in the order of their ends. */
  outputs(): string[];
  stop(): Promise<void>;
};

/** The pause after a worker ended by itself, such as one without a database. */
const usualPauseMs = 500;

/** Launches a worker and keeps one running. */
export function superviseWorker(launch: () => TestProcess): SupervisedWorker {
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
