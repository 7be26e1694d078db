import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";
import type { Database } from "./client";

/**
 * Counts attempts in the table `attempt_counts`, so that all processes share the counts and no restart forgets them.
 * `count` takes one attempt of `key`, and says for how long none is taken any more; 0: this one is.
 * A database that does not answer is an error, never a free attempt.
 */
export type AttemptCounter = { count(key: string): Promise<number> };

export function createAttemptCounter(
  { sql }: Pick<Database, "sql">,
  options: { name: string; attempts: number; windowSeconds: number },
): AttemptCounter {
  const limiter = new RateLimiterPostgres({
    // The library speaks to node-postgres; the one query it makes fits both.
    storeClient: {
      async query({ text, values }: { text: string; values: string[] }) {
        const rows = await sql.unsafe(text, values);
        return { rows, rowCount: rows.count };
      },
    },
    storeType: "client",
    tableName: "attempt_counts",
    tableCreated: true,
    // Housekeeping drops what has expired.
    clearExpiredByTimeout: false,
    keyPrefix: options.name,
    points: options.attempts,
    duration: options.windowSeconds,
  });

  return {
    async count(key) {
      try {
        await limiter.consume(key);
        return 0;
      } catch (error) {
        if (error instanceof RateLimiterRes) return Math.max(error.msBeforeNext, 1);
        throw error;
      }
    },
  };
}
