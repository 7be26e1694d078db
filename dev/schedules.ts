import { signalGroup } from "./process-group";
import { startTestServices } from "./test-services";

/**
 * `./gallery test --schedules N [--seed N] [--lanes N] [--planted NAME]`: runs sessions under seeded random faults.
 * @returns the exit status
 */
export async function runSchedules(
  root: string,
  args: readonly string[],
  env: Record<string, string | undefined>,
): Promise<number> {
  const services = await startTestServices(root, env, { durable: false });
  try {
    const child = Bun.spawn(
      [process.execPath, "--no-env-file", "tests/schedules/main.ts", ...args],
      {
        cwd: root,
        env: services.env,
        stdin: "ignore",
        stdout: "inherit",
        stderr: "inherit",
        detached: true,
      },
    );
    services.guardian.watch(child.pid, "SIGTERM");
    const interrupt = () => signalGroup(child.pid, "SIGTERM");
    process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
    const code = await child.exited;
    // What a schedule left running.
    signalGroup(child.pid, "SIGKILL");
    services.guardian.forget(child.pid);
    return code;
  } finally {
    await services.stop();
  }
}
