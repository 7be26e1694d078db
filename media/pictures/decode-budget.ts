import { availableParallelism } from "node:os";

/**
 * Limits decoding by memory, not by files: many small pictures at once, or one huge one. First come, first served, so
 * that a large picture is not starved.
 */
export interface DecodeBudget {
  /** Runs `work` once `bytes` are free; a picture above the whole budget runs alone. */
  spend<T>(bytes: number, work: () => Promise<T>): Promise<T>;
}

/** The resources that decoding may use, shared by everything that a process decodes. */
export type DecodeLimits = Readonly<{ budget: DecodeBudget; timeoutSeconds: number }>;

/** No more pictures at once than CPU cores. */
export const defaultBudget = { bytes: 400_000_000, jobs: availableParallelism() } as const;

/** Creates a budget of `bytes`. Each job takes at least an equal share, so at most `jobs` run at once. */
export function createDecodeBudget(limits: { bytes: number; jobs: number }): DecodeBudget {
  const share = Math.floor(limits.bytes / limits.jobs);
  const waiting: { cost: number; start: () => void }[] = [];
  let free = limits.bytes;

  function startWhatFits(): void {
    for (let next = waiting[0]; next && next.cost <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.cost;
      next.start();
    }
  }

  return {
    async spend(bytes, work) {
      const cost = Math.min(Math.max(bytes, share), limits.bytes);
      await new Promise<void>((start) => {
        waiting.push({ cost, start });
        startWhatFits();
      });
      try {
        return await work();
      } finally {
        free += cost;
        startWhatFits();
      }
    },
  };
}
