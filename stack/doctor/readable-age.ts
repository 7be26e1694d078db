import { countOf } from "#library/commands/output";

const units: [ms: number, noun: string][] = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
];

/** A duration in the largest unit of which it has two. */
export function readableAge(ms: number): string {
  const [unitMs, noun] = units.find(([unit]) => ms >= 2 * unit) ?? [1_000, "second"];
  return countOf(Math.round(ms / unitMs), noun);
}
