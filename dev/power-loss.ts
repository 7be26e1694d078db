import { runTests } from "./test";
import { Refusal } from "#stack/refusal";

/**
 * `./gallery test --power-loss`: runs only tests/power-loss, with the programs under strace.
 * @returns the exit status; the last line printed is `N passed, N failed`
 */
export async function runPowerLoss(
  root: string,
  env: Record<string, string | undefined>,
): Promise<number> {
  if (Bun.which("strace", { PATH: env["PATH"] ?? "" }) === null) {
    throw new Refusal("--power-loss needs Linux and strace on PATH (Debian: apt install strace).");
  }
  return runTests(root, ["tests/power-loss"], env, root);
}
