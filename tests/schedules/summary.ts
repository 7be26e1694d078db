import type { Report } from "./runner";

/** One schedule: its seed, the faults that struck, the promises that were broken. */
export function describeReport({ seed, outline, ms, struck, notReached, broken }: Report): string {
  const seconds = (ms / 1_000).toFixed(1);
  const verdict = broken.length === 0 ? "kept" : "BROKEN";
  return [
    `seed ${seed}  ${verdict}  ${seconds} s, ${outline}`,
    ...struck.map(({ words }) => `    struck     ${words}`),
    ...notReached.map((words) => `    not reached  ${words}`),
    ...broken.map((what) => `    BROKEN     ${what}`),
  ].join("\n");
}

/**
 * A table by fault: how often it was planned, how often it struck, and in how many schedules with it a promise was
 * broken.
 */
export function describeAll(
  faultKinds: readonly string[],
  reports: readonly Report[],
  ms: number,
): string {
  const lines = faultKinds.map((kind) => {
    const planned = reports.flatMap((report) => report.planned.filter((each) => each === kind));
    const struck = reports.flatMap((report) => report.struck.filter((each) => each.kind === kind));
    const met = reports.filter((report) => report.struck.some((each) => each.kind === kind));
    const broken = met.filter((report) => report.broken.length > 0);
    return [kind, planned.length, struck.length, met.length, broken.length];
  });
  const rows = [["fault", "planned", "struck", "schedules", "broken"], ...lines].map(
    ([name, ...counts]) =>
      `${String(name).padEnd(20)}${counts.map((count) => String(count).padStart(10)).join("")}`,
  );
  const broken = reports.filter((report) => report.broken.length > 0);
  const unstruck = reports.filter((report) => report.struck.length === 0).length;
  return [
    ...rows,
    "",
    `${reports.length} schedules in ${(ms / 1_000).toFixed(0)} s, ${unstruck} of them without a fault that struck`,
    broken.length === 0
      ? "every promise was kept"
      : `broken by seeds ${broken.map(({ seed }) => seed).join(", ")}`,
  ].join("\n");
}
