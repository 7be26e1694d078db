import { readFileSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { isWaiting } from "./test-files";
import { groupFiles } from "./test-groups";
import { countFiles, type TestCounts } from "./test-report";

/** How many processes run at once, at most, in all and of each kind: waiting ones leave the processors to busy ones. */
const lanes = 5;
const most = { waiting: 4, busy: 2 };

export type FileResult = TestCounts & {
  file: string;
  seconds: number;
  /** Of a process that several files share, the part of its time that this one ran. */
  cpuSeconds: number;
  /** What a file with a failed test printed, without its passed tests; else empty. */
  failures: string;
  /** It failed beside other files and passed alone. It counts as passed, but it is a defect. */
  isUnstable: boolean;
};

/** More failures than this are not caused by timing. */
const mostRetried = 3;

// `bun dev/test-lanes.ts FOLDER [--retry-failed] FILE…`: each group of files in a `bun test` of its own; results go to
// FOLDER/results.json.
const [folder = "", ...args] = process.argv.slice(2);
const files = args.filter((arg) => !arg.startsWith("--"));
const expected = JSON.parse(readFileSync("tests/seconds.json", "utf8")) as Record<string, number>;
const groups = groupFiles(files, expected);
const queues = {
  waiting: groups.filter((group) => group.every(isWaiting)),
  busy: groups.filter((group) => !group.every(isWaiting)),
};
const running = { waiting: 0, busy: 0 };
const results: FileResult[] = [];
const reports = join(folder, "reports");
await mkdir(reports);
await Promise.all(Array.from({ length: lanes }, runLane));
if (args.includes("--retry-failed")) await retryFailed();
await writeFile(join(folder, "results.json"), JSON.stringify(results));
process.exit(results.every(({ failed }) => failed === 0) ? 0 : 1);

/** The kind of the next group: the one with more free lanes, if it has any left; waiting ones come first. */
function nextKind(): "waiting" | "busy" | undefined {
  const kinds = (["waiting", "busy"] as const).filter(
    (kind) => queues[kind].length > 0 && running[kind] < most[kind],
  );
  const freeLanes = (kind: "waiting" | "busy") => most[kind] - running[kind];
  return kinds.toSorted((a, b) => freeLanes(b) - freeLanes(a))[0];
}

async function runLane(): Promise<void> {
  for (let kind; (kind = nextKind()) !== undefined;) {
    const group = queues[kind].shift()!;
    running[kind] += 1;
    results.push(...(await runGroup(group)));
    running[kind] -= 1;
  }
}

async function retryFailed(): Promise<void> {
  const failed = results.filter((result) => result.failed > 0);
  if (failed.length > mostRetried) return;
  for (const first of failed) {
    console.log(`\nrunning again, alone: ${first.file}`);
    const [second] = await runGroup([first.file]);
    if (second!.failed > 0) continue;
    results[results.indexOf(first)] = { ...second!, failures: first.failures, isUnstable: true };
  }
}

async function runGroup(group: readonly string[]): Promise<FileResult[]> {
  const report = join(reports, `${crypto.randomUUID()}.xml`);
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
      ...group.map((file) => `./${file}`),
    ],
    { stdin: "ignore", stdout: "pipe", stderr: "pipe" },
  );
  const [output, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const code = await child.exited;
  process.stdout.write(output.replace(/^bun test v.*\n/, ""));
  // Without the counts of this process alone.
  process.stderr.write(errors.replace(/\n *\d+ pass\n[^]*$/, ""));
  const ran = countFiles(await readFile(report, "utf8").catch(() => ""));
  const isExplained = group.some((file) => ran.get(file)?.failed !== 0);
  const seconds = (performance.now() - startedAt) / 1_000;
  const cpuSeconds = Number(child.resourceUsage()?.cpuTime.total ?? 0) / 1e6;
  const ranSeconds = [...ran.values()].reduce((sum, each) => sum + each.seconds, 0);
  return group.map((file) => {
    const counts = ran.get(file) ?? { passed: 0, failed: 0, skipped: 0, seconds: 0 };
    // A file that cannot be loaded, or was not reached before a crash, is missing in the report.
    const isLost = code !== 0 && (!ran.has(file) || !isExplained);
    const failed = counts.failed === 0 && isLost ? 1 : counts.failed;
    const share = ranSeconds > 0 ? counts.seconds / ranSeconds : 1 / group.length;
    return {
      file,
      ...counts,
      failed,
      seconds: seconds * share,
      cpuSeconds: cpuSeconds * share,
      failures: failed > 0 ? outputOf(file, group, errors).replace(/^\(pass\) .*\n/gm, "") : "",
      isUnstable: false,
    };
  });
}

/** What a file of the group printed, below a line with its path. */
function outputOf(file: string, group: readonly string[], output: string): string {
  const titles = new Set(group.map((each) => `${each}:`));
  let current: string | undefined;
  const lines = output.split("\n").filter((line) => {
    if (titles.has(line)) current = line;
    return current === `${file}:`;
  });
  // A crash may come before any title.
  return lines.length > 0 ? lines.join("\n") : output;
}
