import type { Timings } from "../timings";

/**
 * The pause before the next attempt: the first pause, doubled with each failure, up to a limit that is never below the
 * first pause.
 */
export function retrievalPauseMs(
  failures: number,
  timings: Pick<Timings, "retrievalDelayMs" | "retrievalMaxDelayMs">,
): number {
  const { retrievalDelayMs, retrievalMaxDelayMs } = timings;
  const longestMs = Math.max(retrievalDelayMs, retrievalMaxDelayMs);
  return Math.min(retrievalDelayMs * 2 ** (failures - 1), longestMs);
}
