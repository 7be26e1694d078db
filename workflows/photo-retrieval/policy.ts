import type { Timings } from "../timings";

/** The pause before the next attempt: the first one doubled with each failure, up to a bound. */
export function retrievalPauseMs(
  failures: number,
  timings: Pick<Timings, "retrievalDelayMs" | "retrievalMaxDelayMs">,
): number {
  return Math.min(timings.retrievalDelayMs * 2 ** (failures - 1), timings.retrievalMaxDelayMs);
}
