import { noteProgress, whileProgressing } from "../heartbeat";

const waitingBeatMs = 1_000;

export type ConcurrencyLimit = <T>(signal: AbortSignal, work: () => Promise<T>) => Promise<T>;

/**
 * Runs at most `limit()` pieces of work at once, first come, first served. The limit is read whenever one is added or
 * ends, so a change needs no restart; if reading fails, the last value stays in effect.
 * Work that makes no progress for `silenceMs` fails and frees its slot.
 * Work that is aborted while it waits rejects with the signal's reason.
 */
export function createConcurrencyLimit(
  limit: () => Promise<number>,
  silenceMs?: number,
): ConcurrencyLimit {
  const waiting: (() => void)[] = [];
  let running = 0;
  let most = 1;

  async function admit(): Promise<void> {
    if (waiting.length === 0) return;
    most = await limit().catch(() => most);
    while (running < most) {
      const next = waiting.shift();
      if (!next) return;
      running += 1;
      next();
    }
  }

  return async (signal, work) => {
    signal.throwIfAborted();
    const slot = Promise.withResolvers<void>();
    const leave = () => {
      const at = waiting.indexOf(slot.resolve);
      if (at === -1) return;
      waiting.splice(at, 1);
      slot.reject(signal.reason);
    };
    waiting.push(slot.resolve);
    signal.addEventListener("abort", leave, { once: true });
    // Waiting here is not a hang: work that holds a slot and hangs fails.
    const note = () => noteProgress(2 * waitingBeatMs);
    note();
    const waitingBeat = setInterval(note, waitingBeatMs);
    try {
      await Promise.all([slot.promise, admit()]);
    } finally {
      clearInterval(waitingBeat);
      signal.removeEventListener("abort", leave);
    }
    try {
      return await whileProgressing(work, { silenceMs });
    } finally {
      running -= 1;
      void admit();
    }
  };
}
