import { lastLines, type RunningProcess } from "./process";

export type Supervised = {
  /** Stops it for good; it is killed after `graceMs`. */
  stop: (graceMs: number) => Promise<void>;
  /** Ends it and starts it again at once. */
  restart: (graceMs: number) => Promise<void>;
};

export type Supervision = {
  name: string;
  start: () => Promise<RunningProcess>;
  say: (line: string) => void;
  /** Called once, after `quickDeaths` deaths in a row; nothing is restarted after that. */
  onGiveUp: (reason: string) => void;
  pacing?: Pacing;
};

type Pacing = { firstPauseMs: number; longestPauseMs: number; longLifeMs: number; deaths: number };

// Together some 25 s: longer than a database or a Temporal server needs to come back.
const usualPacing: Pacing = {
  firstPauseMs: 500,
  longestPauseMs: 10_000,
  longLifeMs: 20_000,
  deaths: 7,
};

/**
 * Keeps a process running: restarted after a growing pause when it dies, given up when it dies young too often.
 * @throws what the first start throws
 */
export async function supervise(plan: Supervision): Promise<Supervised> {
  const { name, start, say, onGiveUp, pacing = usualPacing } = plan;
  let isStopping = false;
  let isRestarting = false;
  const stopped = Promise.withResolvers<void>();
  let process = await start();

  const keepRunning = async () => {
    let youngDeaths = 0;
    while (!isStopping) {
      const bornAt = performance.now();
      const code = await process.exited;
      if (isStopping) return;
      if (isRestarting) isRestarting = false;
      else {
        youngDeaths = performance.now() - bornAt < pacing.longLifeMs ? youngDeaths + 1 : 1;
        const words = lastLines(process.output());
        if (youngDeaths >= pacing.deaths) {
          onGiveUp(`${name} died ${youngDeaths} times in a row. Its last words:\n${words}`);
          return;
        }
        const pauseMs = Math.min(
          pacing.firstPauseMs * 2 ** (youngDeaths - 1),
          pacing.longestPauseMs,
        );
        say(`${name} ended with status ${code}; starting it again in ${pauseMs / 1000} s`);
        await Promise.race([Bun.sleep(pauseMs), stopped.promise]);
        if (isStopping) return;
      }
      process = await startAgain(process);
    }
  };
  // A start that fails counts as one more young death of the process that was there before.
  const startAgain = (before: RunningProcess) =>
    start().catch((error: Error) => {
      say(`${name} could not be started: ${error.message}`);
      return before;
    });
  const loop = keepRunning();

  return {
    stop: async (graceMs) => {
      isStopping = true;
      stopped.resolve();
      await process.stop(graceMs);
      // A start may be under way; what it leaves is the guardian's to end.
      await Promise.race([loop.then(() => process.stop(graceMs)), Bun.sleep(graceMs)]);
    },
    restart: async (graceMs) => {
      isRestarting = true;
      await process.stop(graceMs);
    },
  };
}
