import { untilAborted } from "#db/abandon";
import { openDatabase } from "#db/client";
import { databaseUnavailable } from "./database-faults";

/** Time before the first check and between checks. With the time-out of the check a 503 is sent within the promised 5 s. */
const checkEveryMs = 2_500;
const checkTimeoutMs = 1_500;
const tickMs = 50;

/**
 * Checks whether the database answers, over a separate connection: the pool may be stuck in queries
 * that a frozen server will never answer. Concurrent callers share one check.
 */
export function createDatabaseProbe(
  url: string,
  timeoutMs = checkTimeoutMs,
): {
  isAway: () => Promise<boolean>;
  close: () => Promise<void>;
} {
  let running: Promise<boolean> | undefined;

  async function check(): Promise<boolean> {
    const database = openDatabase(url, {
      maxConnections: 1,
      applicationName: "gallery-probe",
      // `timeoutMs` decides; the driver's time-out would also count time in which the event loop was blocked.
      connectSeconds: 30,
    });
    const timeout = afterFreeTime(timeoutMs);
    const answer = database.sql`select 1`.then(
      () => false,
      () => true,
    );
    try {
      return await Promise.race([answer, timeout.over.then(() => true)]);
    } finally {
      timeout.stop();
      void database.sql.end({ timeout: 0 }).catch(() => {});
    }
  }

  return {
    isAway: () =>
      (running ??= check().finally(() => {
        running = undefined;
      })),
    close: async () => {
      await running;
    },
  };
}

/**
 * Counts only time in which the event loop was free to receive an answer. A blocked event loop counts as one tick, however
 * long it was blocked, and data that arrived meanwhile is received before the next tick.
 */
function afterFreeTime(ms: number): { over: Promise<void>; stop: () => void } {
  const { promise: over, resolve } = Promise.withResolvers<void>();
  let left = ms;
  const timer = setInterval(() => {
    left -= tickMs;
    if (left <= 0) resolve();
  }, tickMs);
  return { over, stop: () => clearInterval(timer) };
}

/**
 * Returns the result of `work`. If it takes long, the database is checked meanwhile: no time-out of the driver
 * notices a server that froze in the middle of a query. Work that is abandoned is stopped: see `untilAborted`.
 * @throws AppError database_unavailable
 */
export async function unlessDatabaseIsAway<T>(
  work: () => T | Promise<T>,
  isAway: () => Promise<boolean>,
): Promise<T> {
  const abandon = new AbortController();
  const running = untilAborted(abandon.signal, work);
  if (!(running instanceof Promise)) return running;
  const { promise: verdict, reject } = Promise.withResolvers<never>();
  let isSettled = false;
  let timer: ReturnType<typeof setTimeout>;
  async function check(): Promise<void> {
    const isGone = await isAway();
    // A result that has arrived by now takes precedence.
    await new Promise((resolve) => setImmediate(resolve));
    if (isSettled) return;
    if (isGone) {
      abandon.abort();
      reject(databaseUnavailable());
    } else timer = setTimeout(check, checkEveryMs);
  }
  timer = setTimeout(check, checkEveryMs);
  try {
    return await Promise.race([running, verdict]);
  } finally {
    isSettled = true;
    clearTimeout(timer);
  }
}
