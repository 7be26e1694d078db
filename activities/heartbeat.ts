import { Context } from "@temporalio/activity";

const beatEveryMs = 1_000;

/**
 * Runs work under a heartbeat, so that a dead worker is noticed and a cancel arrives.
 * The signal is aborted when the run is cancelled or the worker stops.
 */
export async function withHeartbeat<T>(work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const context = Context.current();
  context.heartbeat();
  const beat = setInterval(() => context.heartbeat(), beatEveryMs);
  try {
    return await work(context.cancellationSignal);
  } catch (error) {
    // An aborted call throws the signal's reason or an error of its own; either way it was the cancel.
    if (context.cancellationSignal.aborted)
      throw await context.cancelled.catch((reason: unknown) => reason);
    throw error;
  } finally {
    clearInterval(beat);
  }
}

/** Waits, unless the signal ends it sooner. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason);
    const timer = setTimeout(done, ms);
    const stop = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    signal.addEventListener("abort", stop, { once: true });
    function done() {
      signal.removeEventListener("abort", stop);
      resolve();
    }
  });
}
