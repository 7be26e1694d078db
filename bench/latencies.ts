export type LoadResult = { perSecond: number; p50Ms: number; p99Ms: number };

/** What a load was like: answers in `seconds`, and how long the middle and the slowest hundredth of them took. */
export function summarise(latenciesMs: number[], seconds: number): LoadResult {
  const sorted = latenciesMs.toSorted((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(sorted.length * share)] ?? 0;
  return { perSecond: sorted.length / seconds, p50Ms: at(0.5), p99Ms: at(0.99) };
}
