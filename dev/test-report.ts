import { readFile } from "node:fs/promises";

export type TestCounts = { passed: number; failed: number; skipped: number };

/** Adds up the outermost `<testsuites>` of a JUnit report; a missing report counts as zero. */
export function countTests(junit: string): TestCounts {
  return countsOf(/<testsuites\b[^>]*>/.exec(junit)?.[0] ?? "");
}

/** Counts and seconds of each file in a JUnit report; a file that could not be loaded is missing in it. */
export function countFiles(junit: string): Map<string, TestCounts & { seconds: number }> {
  // Deeper ones are those of `describe`.
  const heads = [...junit.matchAll(/^ {2}<testsuite\b[^>]*\bfile="([^"]*)"[^>]*>/gm)];
  return new Map(
    heads.map(([head, file = ""]) => [
      file,
      { ...countsOf(head), seconds: attribute(head, "time") },
    ]),
  );
}

function countsOf(head: string): TestCounts {
  const failed = attribute(head, "failures") + attribute(head, "errors");
  const skipped = attribute(head, "skipped");
  return { passed: attribute(head, "tests") - failed - skipped, failed, skipped };
}

const attribute = (head: string, name: string): number =>
  Number(new RegExp(`\\b${name}="([\\d.]+)"`).exec(head)?.[1] ?? 0);

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
