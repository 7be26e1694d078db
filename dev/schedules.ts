import { runOnServices } from "./services-child";
import { startTestServices } from "#stack/test-services";

/**
 * `./gallery test --schedules N [--mixed|--pods] [--seed N] [--lanes N] [--planted NAME]`: runs sessions under seeded random faults.
 * @returns the exit status
 */
export const runSchedules = (root: string, args: readonly string[], env: Environment) =>
  runProgram("tests/schedules/main.ts", root, args, env);

/**
 * `./gallery test --chaos MINUTES [--seed N] [--planted NAME]`: breaks a gallery under load at random, and judges it by a ledger.
 * @returns the exit status
 */
export const runChaos = (root: string, args: readonly string[], env: Environment) =>
  runProgram("tests/chaos/main.ts", root, args, env);

type Environment = Record<string, string | undefined>;

async function runProgram(
  program: string,
  root: string,
  args: readonly string[],
  env: Environment,
): Promise<number> {
  const services = await startTestServices(root, env, { durable: false });
  try {
    return await runOnServices(services, root, [program, ...args]);
  } finally {
    await services.stop();
  }
}
