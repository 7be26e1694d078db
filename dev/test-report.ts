import { readFile } from "node:fs/promises";

export type TestCounts = { passed: number; failed: number; skipped: number };

/** Adds up the outermost `<testsuites>` of a JUnit report; a missing report counts nothing. */
export function countTests(junit: string): TestCounts {
  const head = /<testsuites\b[^>]*>/.exec(junit)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}

/**
 * Prints what a run of `bun test` came to, on the last line `N passed, N failed`.
 * @param report the path of its JUnit report
 * @param code the exit status of `bun test` itself
 * @returns the exit status: 0 only where tests ran, and all that there are passed
 */
export async function tellVerdict(report: string, code: number): Promise<number> {
  const counts = countTests(await readFile(report, "utf8").catch(() => ""));
  // A file that cannot be loaded, or a crash, has no test of its own in the report.
  const failed = counts.failed === 0 && code !== 0 ? 1 : counts.failed;
  if (counts.skipped > 0) console.log(`${counts.skipped} skipped, which counts as a failure`);
  if (counts.passed + failed === 0) console.log("no test ran");
  console.log(`${counts.passed} passed, ${failed} failed`);
  return failed === 0 && counts.skipped === 0 && counts.passed > 0 ? 0 : 1;
}
