import { signalGroup } from "#stack/process-group";
import type { TestServices } from "#stack/test-services";

/**
 * Runs this Bun with `args` on the services until it ends. An interrupt is sent to it and its child processes; any that
 * remain at its end are killed.
 * @returns its exit status
 */
export async function runOnServices(
  { env, guardian }: TestServices,
  root: string,
  args: readonly string[],
): Promise<number> {
  const child = Bun.spawn([process.execPath, "--no-env-file", ...args], {
    cwd: root,
    env,
    stdin: "ignore",
    stdout: "inherit",
    stderr: "inherit",
    detached: true,
  });
  guardian.watch(child.pid, "SIGTERM");
  const interrupt = () => signalGroup(child.pid, "SIGTERM");
  process.on("SIGINT", interrupt).on("SIGTERM", interrupt);
  const code = await child.exited;
  signalGroup(child.pid, "SIGKILL");
  guardian.forget(child.pid);
  return code;
}
