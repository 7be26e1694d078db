import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { runOnServices } from "./services-child";
import { findS3Server } from "./s3-server";
import {
  findTestFiles,
  isWaiting,
  needsS3Server,
  readTestOptions,
  type TestRun,
} from "./test-files";
import type { FileResult } from "./test-lanes";
import { bundleTestPrograms } from "./test-programs";
import { readCounts, sumCounts, printVerdict } from "./test-report";
import { startTestServices, type TestServices } from "#stack/test-services";

type Environment = Record<string, string | undefined>;

/** Files below this may begin at any time: the long ones begin first. */
const longSeconds = 3;
const listedFiles = 12;
/** Bundling api and worker takes as much processor time as some dozen starts of them save. */
const fewWaitingFiles = 10;
/** In characters, for each file. */
const longestFailures = 6_000;

/**
 * `./gallery test [paths…] [--nightly] [--all-versions] [--retry-failed] [--record-seconds] [options of bun test]`: starts what the tests
 * need and runs them.
 * @returns the exit status; the last line printed is `N passed, N failed`
 */
export async function runTests(
  root: string,
  args: readonly string[],
  env: Environment,
  calledFrom: string,
): Promise<number> {
  const run = readTestOptions(args, root, calledFrom);
  const services = await startTestServices(root, env, { durable: false });
  const files = findTestFiles(root, run);
  if (run.allVersions) services.env["GALLERY_TEST_ALL_VERSIONS"] = "true";
  try {
    if (files.some(needsS3Server)) {
      services.env["TEST_S3_SERVER"] = await findS3Server(services.guardian, env);
    }
    if (files.filter(isWaiting).length > fewWaitingFiles) {
      const programs = join(services.folder, "programs");
      await bundleTestPrograms(root, programs);
      services.env["TEST_PROGRAMS"] = programs;
    }
    // Options of `bun test`, such as coverage, apply to all files together.
    if (run.others.length > 0) return await runTogether(services, root, run);
    return await runInLanes(services, root, run, files);
  } finally {
    await services.stop();
  }
}

async function runInLanes(
  services: TestServices,
  root: string,
  run: TestRun,
  files: readonly string[],
): Promise<number> {
  const folder = join(services.folder, "results");
  await mkdir(folder);
  const code = await runOnServices(services, root, [
    "dev/test-lanes.ts",
    folder,
    ...(run.retriesFailed ? ["--retry-failed"] : []),
    ...files,
  ]);
  const text = await readFile(join(folder, "results.json"), "utf8").catch(() => "[]");
  const results = JSON.parse(text) as FileResult[];
  if (run.recordsSeconds) await recordSeconds(root, results);
  describeTimes(results);
  repeatFailures(results);
  return printVerdict(sumCounts(results), code);
}

/** What the run was made of, and the files that would make it shorter or cheaper. */
function describeTimes(results: readonly FileResult[]): void {
  const cpuSeconds = sumCpuSeconds(results);
  console.log(`\n${results.length} files, ${cpuSeconds.toFixed(0)} s of processor time; of it`);
  const byFolder = Map.groupBy(results, ({ file }) => file.split("/", 2).join("/"));
  for (const [folder, inside] of byFolder) {
    console.log(`${sumCpuSeconds(inside).toFixed(0).padStart(7)} s  ${folder}`);
  }
  const list = (title: string, files: readonly FileResult[]) => {
    console.log(title);
    for (const { file, seconds, cpuSeconds: cpu } of files.slice(0, listedFiles)) {
      const [whole, atWork] = [seconds.toFixed(1).padStart(7), cpu.toFixed(1).padStart(5)];
      console.log(`${whole} s, ${atWork} s of it at work  ${file}`);
    }
  };
  const longest = results.toSorted((a, b) => b.seconds - a.seconds);
  list("the longest:", longest);
  const costliest = results.toSorted((a, b) => b.cpuSeconds - a.cpuSeconds);
  list("those with the most processor time:", costliest);
}

const sumCpuSeconds = (results: readonly FileResult[]): number =>
  results.reduce((sum, result) => sum + result.cpuSeconds, 0);

/** Failures once more, at the end: a log that was cut, as a service keeps it, still has them. */
function repeatFailures(results: readonly FileResult[]): void {
  for (const { file, failures, isUnstable } of results) {
    const verdict = isUnstable ? "unstable (passed when it ran alone)" : "failed";
    if (failures !== "") console.log(`\n${verdict}: ${file}\n${failures.slice(-longestFailures)}`);
  }
}

async function runTogether(services: TestServices, root: string, run: TestRun): Promise<number> {
  const report = join(services.folder, "junit.xml");
  const code = await runOnServices(services, root, [
    "test",
    "--timeout=60000",
    "--parallel=2",
    "--reporter=junit",
    `--reporter-outfile=${report}`,
    ...(run.nightly ? [] : ["--path-ignore-patterns=tests/nightly/**"]),
    ...run.paths.map((path) => `./${path}`),
    ...run.others,
  ]);
  return printVerdict(await readCounts(report), code);
}

/** Files that were not part of the run keep their seconds. */
async function recordSeconds(root: string, results: readonly FileResult[]): Promise<void> {
  const path = join(root, "tests/seconds.json");
  const known = JSON.parse(await readFile(path, "utf8")) as Record<string, number>;
  for (const { file, seconds } of results) {
    if (seconds >= longSeconds) known[file] = Math.round(seconds);
    else delete known[file];
  }
  const sorted = Object.entries(known).toSorted(([a], [b]) => a.localeCompare(b));
  await writeFile(path, `${JSON.stringify(Object.fromEntries(sorted), null, 2)}\n`);
}
