export type LoadResult = { perSecond: number; p50Ms: number; p95Ms: number; p99Ms: number };

/** Responses in `seconds`, and their latencies at the 50th, 95th and 99th percentile. */
export function summarise(latenciesMs: number[], seconds: number): LoadResult {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { perSecond: sorted.length / seconds, p50Ms: at(0.5), p95Ms: at(0.95), p99Ms: at(0.99) };
}
