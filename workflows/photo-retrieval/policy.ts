import type { Timings } from "../timings";

/** The pause before the next attempt: the first one doubled with each failure, up to a bound, which is never below it. */
export function retrievalPauseMs(
  failures: number,
  timings: Pick<Timings, "retrievalDelayMs" | "retrievalMaxDelayMs">,
): number {
  const { retrievalDelayMs, retrievalMaxDelayMs } = timings;
  const longestMs = Math.max(retrievalDelayMs, retrievalMaxDelayMs);
  return Math.min(retrievalDelayMs * 2 ** (failures - 1), longestMs);
}
