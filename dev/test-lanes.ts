import { readFileSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isWaiting } from "./test-files";
import { readCounts, type TestCounts } from "./test-report";

/** How many files run at once, at most, in all and of each kind: waiting files leave the processors to busy ones. */
const lanes = 4;
const most = { waiting: 3, busy: 2 };

export type FileResult = TestCounts & {
  file: string;
  seconds: number;
  cpuSeconds: number;
  /** What a file with a failed test printed, without its passed tests; else empty. */
  failures: string;
  /** It failed beside other files and passed alone. It counts as passed, but it is a defect. */
  isUnstable: boolean;
};

/** More failures than this are not caused by timing. */
const mostRetried = 3;

// `bun dev/test-lanes.ts FOLDER [--retry-failed] FILE…`: each file in a `bun test` of its own; results go to
// FOLDER/results.json.
const [folder = "", ...args] = process.argv.slice(2);
const files = args.filter((arg) => !arg.startsWith("--"));
const expected = JSON.parse(readFileSync("tests/seconds.json", "utf8")) as Record<string, number>;
const byLength = files.toSorted((a, b) => (expected[b] ?? 0) - (expected[a] ?? 0));
const queues = {
  waiting: byLength.filter(isWaiting),
  busy: byLength.filter((file) => !isWaiting(file)),
};
const running = { waiting: 0, busy: 0 };
const results: FileResult[] = [];
const reports = join(folder, "reports");
await mkdir(reports);
await Promise.all(Array.from({ length: lanes }, runLane));
if (args.includes("--retry-failed")) await retryFailed();
await writeFile(join(folder, "results.json"), JSON.stringify(results));
process.exit(results.every(({ failed }) => failed === 0) ? 0 : 1);

/** The kind of the next file: the one with more free lanes, if it has files left; waiting files come first. */
function nextKind(): "waiting" | "busy" | undefined {
  const kinds = (["waiting", "busy"] as const).filter(
    (kind) => queues[kind].length > 0 && running[kind] < most[kind],
  );
  const freeLanes = (kind: "waiting" | "busy") => most[kind] - running[kind];
  return kinds.toSorted((a, b) => freeLanes(b) - freeLanes(a))[0];
}

async function runLane(): Promise<void> {
  for (let kind; (kind = nextKind()) !== undefined;) {
    const file = queues[kind].shift()!;
    running[kind] += 1;
    results.push(await runFile(file));
    running[kind] -= 1;
  }
}

async function retryFailed(): Promise<void> {
  const failed = results.filter((result) => result.failed > 0);
  if (failed.length > mostRetried) return;
  for (const first of failed) {
    console.log(`\nrunning again, alone: ${first.file}`);
    const second = await runFile(first.file);
    if (second.failed > 0) continue;
    results[results.indexOf(first)] = { ...second, failures: first.failures, isUnstable: true };
  }
}

async function runFile(file: string): Promise<FileResult> {
  const report = join(reports, `${file.replaceAll("/", "-")}.xml`);
  const startedAt = performance.now();
  const child = Bun.spawn(
    [
      process.execPath,
      "--no-env-file",
      "test",
      // For tests that hang. It is no measure of speed: a busy machine fails no test.
      "--timeout=60000",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      `./${file}`,
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  process.stdout.write(output.replace(/^bun test v.*\n/, ""));
  // Without the counts of this file alone.
  process.stderr.write(errors.replace(/\n *\d+ pass\n[^]*$/, ""));
  const counts = await readCounts(report);
  // A file that cannot be loaded, or a crash, has no test of its own in the report.
  const failed = counts.failed === 0 && code !== 0 ? 1 : counts.failed;
  const cpuSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  const failures = failed > 0 ? errors.replace(/^\(pass\) .*\n/gm, "") : "";
  const seconds = (performance.now() - startedAt) / 1_000;
  return { file, ...counts, failed, seconds, cpuSeconds, failures, isUnstable: false };
}
