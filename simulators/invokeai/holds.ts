/** A gate at which any number of callers can wait; `list` returns what they wait with. */
export function createHolds<T>() {
  const waiting = new Set<{ about: T; open: () => void }>();

  return {
    /** Resolves at the release, or when `signal` aborts. */
    wait(about: T, signal: AbortSignal): Promise<void> {
      if (signal.aborted) return Promise.resolve();
      return new Promise((resolve) => {
        const entry = {
          about,
          open: () => {
            waiting.delete(entry);
            signal.removeEventListener("abort", entry.open);
            resolve();
          },
        };
        waiting.add(entry);
        signal.addEventListener("abort", entry.open);
      });
    },
    release(): void {
      for (const { open } of waiting) open();
    },
    list: (): T[] => [...waiting].map(({ about }) => about),
  };
}
