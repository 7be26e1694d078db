import { existsSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import { runOnServices } from "./services-child";
import { tellVerdict } from "./test-report";
import { startTestServices } from "./test-services";

type Environment = Record<string, string | undefined>;

/**
 * `./gallery test [paths…] [--coverage] [options of bun test]`: starts what the tests need and runs them.
 * @returns the exit status; the last line printed is `N passed, N failed`
 */
export async function runTests(
  root: string,
  args: readonly string[],
  env: Environment,
  calledFrom: string,
): Promise<number> {
  const services = await startTestServices(root, env, { durable: false });
  const report = join(services.folder, "junit.xml");
  try {
    const code = await runOnServices(services, root, [
      "test",
      // A bound for what hangs, not a measure of speed: a busy machine fails no test.
      "--timeout=60000",
      // Most of a run is waiting for other processes. More at once, and what is killed and restarted here gets too slow.
      "--parallel=2",
      "--reporter=junit",
      `--reporter-outfile=${report}`,
      ...args.map((arg) => toTestPath(arg, root, calledFrom)),
    ]);
    return await tellVerdict(report, code);
  } finally {
    await services.stop();
  }
}

/** A path as the caller sees it becomes one of the project; anything else is left to `bun test`. */
function toTestPath(arg: string, root: string, calledFrom: string): string {
  const absolute = resolve(calledFrom, arg);
  const isOurs = !arg.startsWith("-") && existsSync(absolute) && absolute.startsWith(`${root}/`);
  return isOurs ? `./${relative(root, absolute)}` : arg;
}
