import { signalGroup } from "./process-group";
import type { TestServices } from "./test-services";

/**
 * Runs this Bun with `args` on the services until it ends. An interrupt goes to it and all that it started; what it left
 * running ends with it. @returns its exit status
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
