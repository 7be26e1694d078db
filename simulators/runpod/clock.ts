import { renameSync, writeFileSync } from "node:fs";

export type Clock = ReturnType<typeof createClock>;

type Timer = { at: number; run: () => void };

const longestTimerMs = 2 ** 31 - 1;

/**
 * Simulated time: starts at the real time and passes `scale` times as fast. Its state is also written to `path`, for
 * the programs in containers.
 */
export function createClock(path: string, initialScale: number) {
  let scale = initialScale;
  let realBase = Date.now();
  let simulatedBase = realBase;
  const timers = new Set<Timer>();
  let armed: ReturnType<typeof setTimeout> | undefined;

  /** While a timer runs, its own time, however late it runs. */
  let firingAt: number | undefined;

  const flowing = (): number => simulatedBase + (Date.now() - realBase) * scale;
  const now = (): number => firingAt ?? flowing();

  function publish(): void {
    // Renamed into place: a reader never sees an empty file.
    writeFileSync(`${path}.new`, `${realBase} ${simulatedBase} ${scale}`);
    renameSync(`${path}.new`, path);
  }

  function arm(): void {
    clearTimeout(armed);
    if (timers.size === 0) return;
    const next = Math.min(...[...timers].map(({ at }) => at));
    const realMs = Math.max(0, Math.min((next - flowing()) / scale, longestTimerMs));
    armed = setTimeout(() => fireUntil(flowing()), Math.ceil(realMs));
  }

  /** Runs what is due until `target`, each at its own time, also what is set up meanwhile. */
  function fireUntil(target: number): void {
    for (;;) {
      const [next] = [...timers].sort((a, b) => a.at - b.at);
      if (next === undefined || next.at > target) break;
      timers.delete(next);
      firingAt = next.at;
      next.run();
    }
    firingAt = undefined;
    arm();
  }

  function rebase(toSimulated: number, toScale: number): void {
    realBase = Date.now();
    simulatedBase = toSimulated;
    scale = toScale;
    publish();
    fireUntil(toSimulated);
  }

  publish();
  return {
    now,
    scale: (): number => scale,
    /** Runs `run` after that many simulated milliseconds; returns what cancels it. */
    after(delayMs: number, run: () => void): () => void {
      const timer = { at: now() + delayMs, run };
      timers.add(timer);
      arm();
      return () => {
        timers.delete(timer);
      };
    },
    /** Skips simulated time; what is due in it happens at once. */
    advance: (byMs: number): void => rebase(flowing() + byMs, scale),
    setScale: (next: number): void => rebase(flowing(), next),
    stop(): void {
      timers.clear();
      clearTimeout(armed);
    },
  };
}
