import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";

export type TestRun = {
  /** With the tests whose waits are those that owners get. */
  nightly: boolean;
  /** The conformance suite examines the simulator as every version that it speaks. */
  allVersions: boolean;
  /** A failed file runs once more, alone: one that passes then is reported as unstable. */
  retriesFailed: boolean;
  /** Notes how long each file took, by which the next runs are ordered. */
  recordsSeconds: boolean;
  /** Of files and folders, in the project; empty: all. */
  paths: string[];
  /** For `bun test`. */
  others: string[];
};

const nightlyFolder = "tests/nightly/";
/** Only by name: its programs run under strace, which not every machine has. */
const powerLossFolder = "tests/power-loss/";
/** Their tests mostly wait for processes that they start and kill; those of all others keep a processor busy. */
const waitingFolders = ["tests/e2e/", "tests/workflows/", nightlyFolder, powerLossFolder];

/** @param args of `./gallery test`; a path is as the caller sees it, what is none belongs to `bun test` */
export function readTestOptions(
  args: readonly string[],
  root: string,
  calledFrom: string,
): TestRun {
  const own = ["--nightly", "--all-versions", "--retry-failed", "--record-seconds"];
  const rest = args.filter((arg) => !own.includes(arg));
  const toPath = (arg: string) => {
    const absolute = resolve(calledFrom, arg);
    const isOurs = !arg.startsWith("-") && existsSync(absolute) && absolute.startsWith(`${root}/`);
    return isOurs ? relative(root, absolute) : undefined;
  };
  const nightly = args.includes("--nightly");
  return {
    nightly,
    allVersions: nightly || args.includes("--all-versions"),
    retriesFailed: args.includes("--retry-failed"),
    recordsSeconds: args.includes("--record-seconds"),
    paths: rest.map(toPath).filter((path) => path !== undefined),
    others: rest.filter((arg) => toPath(arg) === undefined),
  };
}

/** The test files of a run, below `paths` where there are any; nightly ones only where they are asked for. */
export function findTestFiles(root: string, { paths, nightly }: TestRun): string[] {
  const all = [...new Bun.Glob("tests/**/*.test.ts").scanSync(root)].toSorted();
  const isBelow = (file: string, path: string) => file === path || file.startsWith(`${path}/`);
  if (paths.length > 0) return all.filter((file) => paths.some((path) => isBelow(file, path)));
  return all.filter(
    (file) => !file.startsWith(powerLossFolder) && (nightly || !file.startsWith(nightlyFolder)),
  );
}

export const isWaiting = (file: string): boolean =>
  waitingFolders.some((folder) => file.startsWith(folder));

/** The tests of the storage, and those of a gallery on it. */
export const needsS3Server = (file: string): boolean =>
  file.startsWith("tests/conformance/storage/") || file.startsWith("tests/e2e/s3");
