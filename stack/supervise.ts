import { lastLines, type RunningProcess } from "./process";
import { reportsFullDisk } from "./refusal";

export type Supervised = {
  /** Stops it for good; kills it after `graceMs`. */
  stop: (graceMs: number) => Promise<void>;
  /** Stops it and starts it again at once. */
  restart: (graceMs: number) => Promise<void>;
};

export type Supervision = {
  name: string;
  start: () => Promise<RunningProcess>;
  say: (line: string) => void;
  /** Called once, after `pacing.deaths` quick deaths in a row; afterwards nothing is restarted. */
  onGiveUp: (reason: string) => void;
  /** Whether the process's disk is full. Deaths during that time do not count. */
  isDiskFull?: () => Promise<boolean>;
  /** How to check that the process is not stuck. A stuck process is stopped, killed after `graceMs`, and restarted. */
  liveness?: { isAlive: (process: RunningProcess) => Promise<boolean>; graceMs: number };
  pacing?: Partial<Pacing>;
};

type Pacing = {
  firstPauseMs: number;
  longestPauseMs: number;
  longLifeMs: number;
  deaths: number;
  /** How often a full disk is checked again. */
  roomCheckMs: number;
  livenessCheckMs: number;
  /** After this many failed checks in a row, the process is considered stuck. */
  missedChecks: number;
  /** How long a process may take until its first successful check. */
  startMs: number;
};

const usualPacing: Pacing = {
  // About 25 s in total: longer than a database or a Temporal server needs to come back.
  firstPauseMs: 500,
  longestPauseMs: 10_000,
  longLifeMs: 20_000,
  deaths: 7,
  roomCheckMs: 500,
  // About 30 s, because a check itself may wait for 5 s; even a busy machine answers within that time.
  livenessCheckMs: 5_000,
  missedChecks: 3,
  startMs: 120_000,
};

/**
 * Keeps a process running: restarts it after a growing pause when it dies, and gives up when it dies too often soon
 * after its start.
 * @throws the error of the first start
 */
export async function supervise(plan: Supervision): Promise<Supervised> {
  const { name, start, say, onGiveUp, isDiskFull = async () => false, liveness } = plan;
  const pacing = { ...usualPacing, ...plan.pacing };
  let isStopping = false;
  let isRestarting = false;
  const stopped = Promise.withResolvers<void>();
  const pause = (ms: number) => Promise.race([Bun.sleep(ms), stopped.promise]);
  let process = await start();
  let startFault = "";

  const keepRunning = async () => {
    let quickDeaths = 0;
    while (!isStopping) {
      const bornAt = performance.now();
      const code = await process.exited;
      if (isStopping) return;
      if (isRestarting) isRestarting = false;
      else {
        const words = startFault || lastLines(process.output());
        if ((await isDiskFull()) || reportsFullDisk(words)) await waitForSpace(code);
        else {
          quickDeaths = performance.now() - bornAt < pacing.longLifeMs ? quickDeaths + 1 : 1;
          if (quickDeaths >= pacing.deaths) {
            onGiveUp(
              `${name} died ${quickDeaths} times in a row. The end of its output:\n${words}`,
            );
            return;
          }
          const pauseMs = Math.min(
            pacing.firstPauseMs * 2 ** (quickDeaths - 1),
            pacing.longestPauseMs,
          );
          say(`${name} ended with status ${code}; starting it again in ${pauseMs / 1000} s`);
          await pause(pauseMs);
        }
        if (isStopping) return;
      }
      process = await startAgain(process);
    }
  };

  /** Waits for free space, at most for the longest pause: a quota is visible only to the process itself. */
  const waitForSpace = async (code: number) => {
    say(
      `${name} ended with status ${code}: the disk is full; it is restarted once there is free space`,
    );
    const wasFull = await isDiskFull();
    const until = performance.now() + pacing.longestPauseMs;
    while (!isStopping && performance.now() < until) {
      await pause(pacing.roomCheckMs);
      if (wasFull && !(await isDiskFull())) return;
    }
  };

  // A failed start counts as one more quick death of the previous process.
  const startAgain = async (before: RunningProcess) => {
    try {
      const started = await start();
      startFault = "";
      return started;
    } catch (error) {
      startFault = (error as Error).message;
      say(`${name} could not be started: ${startFault}`);
      return before;
    }
  };

  const watchLiveness = async ({ isAlive, graceMs }: NonNullable<Supervision["liveness"]>) => {
    let watched: RunningProcess | undefined;
    let [missed, hasAnswered, watchedAt] = [0, false, 0];
    while (!isStopping) {
      // Often at first, so that a process that gets stuck soon after its start is known to have worked before.
      await pause(hasAnswered ? pacing.livenessCheckMs : pacing.livenessCheckMs / 10);
      if (watched !== process) {
        watched = process;
        [missed, hasAnswered, watchedAt] = [0, false, performance.now()];
      }
      if (watched.hasExited()) continue;
      if (await isAlive(watched)) [missed, hasAnswered] = [0, true];
      else missed += 1;
      if (isStopping || watched.hasExited()) continue;
      const isStuck = hasAnswered
        ? missed >= pacing.missedChecks
        : performance.now() - watchedAt > pacing.startMs;
      if (!isStuck) continue;
      say(`${name} no longer responds; restarting it`);
      await watched.stop(graceMs);
    }
  };

  const loop = keepRunning();
  if (liveness !== undefined) void watchLiveness(liveness);

  return {
    stop: async (graceMs) => {
      isStopping = true;
      stopped.resolve();
      await process.stop(graceMs);
      // A start may be in progress; the guardian ends what it leaves.
      await Promise.race([loop.then(() => process.stop(graceMs)), Bun.sleep(graceMs)]);
    },
    restart: async (graceMs) => {
      isRestarting = true;
      await process.stop(graceMs);
    },
  };
}
