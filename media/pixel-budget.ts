import { availableParallelism } from "node:os";

/**
 * Bounds decoding by the pixels in memory, not by files: many small pictures at once, or one huge.
 * First come, first served, so that a large picture is not passed over for ever.
 */
export interface PixelBudget {
  /** Runs `work` once `pixels` are free; a picture above the whole budget runs alone. */
  spend<T>(pixels: number, work: () => Promise<T>): Promise<T>;
}

/** What decoding may take of the machine; shared by everything a process decodes. */
export type DecodeLimits = Readonly<{ budget: PixelBudget; timeoutSeconds: number }>;

/** About 400 MB of decoded pixels, and no more pictures at once than there are cores. */
export const defaultBudget = { pixels: 100_000_000, jobs: availableParallelism() } as const;

/** A budget of `pixels`, of which each job takes at least its share, so that `jobs` is their bound. */
export function createPixelBudget(limits: { pixels: number; jobs: number }): PixelBudget {
  const share = Math.floor(limits.pixels / limits.jobs);
  const waiting: { cost: number; start: () => void }[] = [];
  let free = limits.pixels;

  function startWhatFits(): void {
    for (let next = waiting[0]; next && next.cost <= free; next = waiting[0]) {
      waiting.shift();
      free -= next.cost;
      next.start();
    }
  }

  return {
    async spend(pixels, work) {
      const cost = Math.min(Math.max(pixels, share), limits.pixels);
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
