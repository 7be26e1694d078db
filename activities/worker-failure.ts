import type { Worker } from "@temporalio/worker";

const lookEveryMs = 1_000;

/**
 * Rejects once one of the workers has failed, as when the workflow service came back without its database and refused a
 * poll; never resolves, and looks no more after `signal`. Its own `run` does not tell: it waits for the end of a
 * shutdown that does not come, and the task queue is served by nobody meanwhile.
 */
export function whenOneFails(
  workers: readonly Pick<Worker, "getState" | "options">[],
  signal: AbortSignal,
): Promise<never> {
  return new Promise((_, reject) => {
    const looking = setInterval(() => {
      const failed = workers.find((worker) => worker.getState() === "FAILED");
      if (failed) reject(new Error(`The worker of ${failed.options.taskQueue} has failed.`));
    }, lookEveryMs);
    signal.addEventListener("abort", () => clearInterval(looking), { once: true });
  });
}
