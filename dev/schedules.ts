import { runOnServices } from "./services-child";
import { startTestServices } from "#stack/test-services";

/**
 * `./gallery test --schedules N [--pods] [--seed N] [--lanes N] [--planted NAME]`: runs sessions under seeded random faults.
 * @returns the exit status
 */
export async function runSchedules(
  root: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const services = await startTestServices(root, env, { durable: false });
  try {
    return await runOnServices(services, root, ["tests/schedules/main.ts", ...args]);
  } finally {
    await services.stop();
  }
}
