export type Gate = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/**
 * Lets at most `limit()` pieces of work run at once, first come, first served. The limit is asked whenever one comes
 * or goes, so that a change needs no restart; where it cannot be told, the last one holds.
 * Whoever is aborted while waiting leaves the line with the signal's reason.
 */
export function createGate(limit: () => Promise<number>): Gate {
  const line: (() => void)[] = [];
  let running = 0;
  let most = 1;

  async function admit(): Promise<void> {
    most = await limit().catch(() => most);
    while (running < most) {
      const next = line.shift();
      if (!next) return;
      running += 1;
      next();
    }
  }

  return async (signal, work) => {
    signal.throwIfAborted();
    const place = Promise.withResolvers<void>();
    const leave = () => {
      const at = line.indexOf(place.resolve);
      if (at === -1) return;
      line.splice(at, 1);
      place.reject(signal.reason);
    };
    line.push(place.resolve);
    signal.addEventListener("abort", leave, { once: true });
    try {
      await Promise.all([place.promise, admit()]);
    } finally {
      signal.removeEventListener("abort", leave);
    }
    try {
      return await work();
    } finally {
      running -= 1;
      void admit();
    }
  };
}
