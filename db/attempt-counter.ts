import { RateLimiterPostgres, RateLimiterRes } from "rate-limiter-flexible";
import type { Database } from "./client";

/**
 * Counts attempts in the table `attempt_counts`, so that all processes share the counts and no restart forgets them.
 * `count` counts one attempt of `key`. It returns 0 if the attempt is allowed, else the milliseconds until the next one is.
 * Throws if the database does not answer, so that no attempt is allowed without being counted.
 */
export type AttemptCounter = { count(key: string): Promise<number> };

export function createAttemptCounter(
  { sql }: Pick<Database, "sql">,
  options: { name: string; attempts: number; windowSeconds: number },
): AttemptCounter {
  const limiter = new RateLimiterPostgres({
    // The library expects node-postgres; its one query works with postgres.js too.
    storeClient: {
      async query({ text, values }: { text: string; values: string[] }) {
        const rows = await sql.unsafe(text, values);
        return { rows, rowCount: rows.count };
      },
    },
    storeType: "client",
    tableName: "attempt_counts",
    tableCreated: true,
    // Housekeeping deletes expired rows.
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
