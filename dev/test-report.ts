import { readFile } from "node:fs/promises";

export type TestCounts = { passed: number; failed: number; skipped: number };

/** Adds up the outermost `<testsuites>` of a JUnit report; a missing report counts as zero. */
export function countTests(junit: string): TestCounts {
  const head = /<testsuites\b[^>]*>/.exec(junit)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

/** The counts of the JUnit report at this path; a missing one counts nothing. */
export async function readCounts(report: string): Promise<TestCounts> {
  return countTests(await readFile(report, "utf8").catch(() => ""));
}

export function sumCounts(all: readonly TestCounts[]): TestCounts {
  const sum = (name: keyof TestCounts) => all.reduce((total, counts) => total + counts[name], 0);
  return { passed: sum("passed"), failed: sum("failed"), skipped: sum("skipped") };
}

/**
 * Prints the result of a run of tests, with the last line `N passed, N failed`.
 * @param code the exit status of the process that ran them
 * @returns the exit status: 0 only when tests ran and all of them passed
 */
export function printVerdict(counts: TestCounts, code: number): number {
  // A file that cannot be loaded, or a crash, has no test of its own in the report.
  const failed = counts.failed === 0 && code !== 0 ? 1 : counts.failed;
  if (counts.skipped > 0) console.log(`${counts.skipped} skipped, which counts as a failure`);
  if (counts.passed + failed === 0) console.log("no test ran");
  console.log(`${counts.passed} passed, ${failed} failed`);
  return failed === 0 && counts.skipped === 0 && counts.passed > 0 ? 0 : 1;
}
