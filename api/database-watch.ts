import { openDatabase } from "#db/client";
import { databaseUnavailable } from "./database-faults";

/** First look after this; with the probe's own bound an answer is there within the promised 5 s. */
const patienceMs = 2_500;
const probeBoundMs = 1_500;

/**
 * Looks whether the database answers, over a connection of its own: the pool may be stuck in queries
 * that a frozen server will never answer. Callers at the same time share one look.
 */
export function createDatabaseProbe(url: string): {
  isAway: () => Promise<boolean>;
  close: () => Promise<void>;
} {
  let running: Promise<boolean> | undefined;

  async function look(): Promise<boolean> {
    const database = openDatabase(url, { maxConnections: 1, applicationName: "gallery-probe" });
    const { promise: timeout, resolve } = Promise.withResolvers<boolean>();
    const timer = setTimeout(() => resolve(true), probeBoundMs);
    const answer = database.sql`select 1`.then(
      () => false,
      () => true,
    );
    try {
      return await Promise.race([answer, timeout]);
    } finally {
      clearTimeout(timer);
      void database.sql.end({ timeout: 0 }).catch(() => {});
    }
  }

  return {
    isAway: () =>
      (running ??= look().finally(() => {
        running = undefined;
      })),
    close: async () => {
      await running;
    },
  };
}

/**
 * The result of `work`, unless it takes long and the database is away meanwhile: no driver's time-out
 * notices a server that froze in the middle of a query.
 * @throws AppError database_unavailable
 */
export async function unlessDatabaseIsAway<T>(
  work: T | Promise<T>,
  isAway: () => Promise<boolean>,
): Promise<T> {
  if (!(work instanceof Promise)) return work;
  const { promise: verdict, reject } = Promise.withResolvers<never>();
  let isSettled = false;
  let timer: ReturnType<typeof setTimeout>;
  async function look(): Promise<void> {
    if (await isAway()) reject(databaseUnavailable());
    else if (!isSettled) timer = setTimeout(look, patienceMs);
  }
  timer = setTimeout(look, patienceMs);
  try {
    return await Promise.race([work, verdict]);
  } finally {
    isSettled = true;
    clearTimeout(timer);
  }
}
