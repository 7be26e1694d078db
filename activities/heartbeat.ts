import { AsyncLocalStorage } from "node:async_hooks";
import { Context } from "@temporalio/activity";
import { ApplicationFailure } from "@temporalio/common";

/** Short, because a cancel arrives with the answer to a heartbeat. */
const beatEveryMs = 1_000;
/** No single wait of an activity takes longer (a statement 15 s, a decode 60 s), unless `noteProgress` announced it. */
const longestSilenceMs = 5 * 60_000;

type Progress = { note: (nextWithinMs: number) => void };
const running = new AsyncLocalStorage<Progress>();

/**
 * Reports progress of the running activity: a poll, a chunk, a file. `nextWithinMs`: how long its next wait may take, which
 * must have its own time-out. Outside `withHeartbeat` it does nothing.
 */
export function noteProgress(nextWithinMs = 0): void {
  running.getStore()?.note(nextWithinMs);
}

/**
 * Runs work as long as it makes progress. Its progress also counts for the work around it, not the other way round.
 * @throws ApplicationFailure `activity_stalled`
 */
export async function whileProgressing<T>(
  work: () => Promise<T>,
  options: {
    silenceMs?: number | undefined;
    onAlive?: () => void;
    onStall?: (failure: Error) => void;
  } = {},
): Promise<T> {
  const { silenceMs = longestSilenceMs, onAlive, onStall } = options;
  const outer = running.getStore();
  const { promise: stall, reject } = Promise.withResolvers<never>();
  let deadline = 0;
  const note = (nextWithinMs: number) => {
    // Never sooner than before: several pieces of the work may wait side by side.
    deadline = Math.max(deadline, performance.now() + Math.max(silenceMs, nextWithinMs));
    outer?.note(nextWithinMs);
  };
  const check = () => {
    if (performance.now() < deadline) return onAlive?.();
    const failure = stalledFailure();
    onStall?.(failure);
    reject(failure);
  };
  note(0);
  const timer = setInterval(check, Math.min(beatEveryMs, silenceMs));
  try {
    return await Promise.race([running.run({ note }, work), stall]);
  } finally {
    clearInterval(timer);
  }
}

/**
 * Runs work with heartbeats, so that a dead worker is detected and a cancel arrives. Heartbeats are sent as long as the
 * work makes progress; work that hangs fails, which frees the worker's slot, and is retried.
 * The signal is aborted when the run is cancelled, the worker stops or the work hangs.
 * @throws ApplicationFailure `activity_stalled`
 */
export async function withHeartbeat<T>(
  work: (signal: AbortSignal) => Promise<T>,
  silenceMs?: number,
): Promise<T> {
  const context = Context.current();
  const stalled = new AbortController();
  const signal = AbortSignal.any([context.cancellationSignal, stalled.signal]);
  context.heartbeat();
  try {
    return await whileProgressing(() => work(signal), {
      silenceMs,
      onAlive: () => context.heartbeat(),
      onStall: (failure) => stalled.abort(failure),
    });
  } catch (error) {
    // An aborted call throws the signal's reason or its own error; either way the cause is the cancel.
    if (context.cancellationSignal.aborted)
      throw await context.cancelled.catch((reason: unknown) => reason);
    if (stalled.signal.aborted) throw stalled.signal.reason;
    throw error;
  }
}

function stalledFailure(): ApplicationFailure {
  return ApplicationFailure.create({
    message: "The activity made no progress for too long; it is retried.",
    type: "activity_stalled",
  });
}

/** The pause between two polls, which counts as progress. Rejects with the signal's reason when aborted. */
export function pause(ms: number, signal: AbortSignal): Promise<void> {
  noteProgress(ms);
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
