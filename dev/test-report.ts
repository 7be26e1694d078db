export type TestCounts = { passed: number; failed: number; skipped: number };

/** Adds up the outermost `<testsuites>` of a JUnit report; a missing report counts nothing. */
export function countTests(junit: string): TestCounts {
  const head = /<testsuites\b[^>]*>/.exec(junit)?.[0] ?? "";
  const count = (name: string) => Number(new RegExp(`\\b${name}="(\\d+)"`).exec(head)?.[1] ?? 0);
  const failed = count("failures") + count("errors");
  const skipped = count("skipped");
  return { passed: count("tests") - failed - skipped, failed, skipped };
}
