const everyMs = 100;

/** Measures for how long this process did not run when it should have. */
export function watchStalls(): { stop: () => number } {
  let stalledMs = 0;
  let last = performance.now();
  const timer = setInterval(() => {
    const now = performance.now();
    stalledMs += Math.max(now - last - everyMs, 0);
    last = now;
  }, everyMs);
  return {
    /** @returns the sum, in milliseconds */
    stop() {
      clearInterval(timer);
      return stalledMs;
    },
  };
}
