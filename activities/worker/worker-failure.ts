import type { Worker } from "@temporalio/worker";

const pollEveryMs = 1_000;

/**
 * Rejects once one of the workers has failed, for example because the workflow service came back without its database and
 * refused a poll. Never resolves; stops checking when `signal` aborts. The worker's own `run` does not reject: it waits for
 * a shutdown that never ends, and meanwhile no worker polls the task queue.
 */
export function whenOneFails(
  workers: readonly Pick<Worker, "getState" | "options">[],
  signal: AbortSignal,
): Promise<never> {
  return new Promise((_, reject) => {
    const timer = setInterval(() => {
      const failed = workers.find((worker) => worker.getState() === "FAILED");
      if (failed) reject(new Error(`The worker of ${failed.options.taskQueue} has failed.`));
    }, pollEveryMs);
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  });
}
