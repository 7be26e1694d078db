import type { Clock } from "./clock.ts";

/** Requests per window; null: the account has no limit and gets no headers. */
export type RateLimits = { minute: number; hour: number; day: number } | null;

const windows = [
  ["minute", 60],
  ["hour", 3600],
  ["day", 86_400],
] as const;

/** Counts requests in three windows at once, which begin at whole minutes, hours and days of simulated time. */
export function createRateLimit(clock: Clock, limits: RateLimits) {
  const counts = new Map<string, number>();

  return {
    /** Counts a request; returns the headers of its answer and, when a window is full, the seconds to wait. */
    count(): { headers: Record<string, string>; waitSeconds: number | undefined } {
      if (limits === null) return { headers: {}, waitSeconds: undefined };
      const seconds = clock.now() / 1000;
      const states = windows.map(([name, length]) => {
        const key = `${name} ${Math.floor(seconds / length)}`;
        const used = (counts.get(key) ?? 0) + 1;
        counts.set(key, used);
        const left = Math.ceil(length - (seconds % length));
        return { name, length, quota: limits[name], used, left };
      });
      const full = states.filter(({ used, quota }) => used > quota);
      return {
        headers: {
          "ratelimit-policy": states
            .map(({ name, quota, length }) => `"${name}";q=${quota};w=${length}`)
            .join(", "),
          ratelimit: states
            .map(
              ({ name, quota, used, left }) => `"${name}";r=${Math.max(0, quota - used)};t=${left}`,
            )
            .join(", "),
        },
        waitSeconds: full.length === 0 ? undefined : Math.max(...full.map(({ left }) => left)),
      };
    },
  };
}
