import type { Db } from "#db/client";
import { getEventRange, listEventsAfter } from "#db/queries/events";
import type { LiveStep } from "#db/queries/generation-views";
import type { EventRow } from "#db/schema/events";
import { isDatabaseAway } from "../../database-faults";
import type { ApiDeps } from "../../deps";
import type { Feed } from "./feed";
import { eventFrame, greeting, keepAlive, progressFrame, toFrame } from "./frames";

/** A proxy or a browser gives a silent connection up after a minute or less. */
const keepAliveMs = 15_000;
const pageSize = 100;

export type StreamRequest = {
  /** null: everything there is. */
  sessionId: string | null;
  /** The header as it came; null: a client that is new here. */
  lastEventId: string | null;
  /** The present state, for one who is new or was away too long. */
  snapshot: () => Promise<unknown>;
  signal: AbortSignal;
};

/**
 * The messages of one client, made as fast as it takes them: what is not taken stays in the table, and of progress only
 * the newest is kept. Ends when `signal` is aborted.
 */
export async function* streamEvents(
  { database: { db } }: Pick<ApiDeps, "database">,
  feed: Feed,
  { sessionId, lastEventId, snapshot, signal }: StreamRequest,
): AsyncGenerator<string> {
  const inbox = createInbox(signal);
  const unsubscribe = feed.subscribe({
    sessionId,
    onWake: inbox.wake,
    onLive: (steps) => inbox.putLive(steps),
  });
  try {
    yield greeting;
    const { oldestId, newestId } = await getEventRange(db);
    let seenId = resumeFrom(lastEventId, oldestId, newestId);
    if (seenId === undefined) {
      if (lastEventId !== null) yield toFrame({ event: "reset", data: {} });
      // The id was read first: what happens meanwhile is told again rather than left out.
      yield toFrame({ id: newestId, event: "snapshot", data: await snapshot() });
      seenId = newestId;
    }
    let spokeAt = performance.now();
    while (!signal.aborted) {
      const page = await readPage(db, { afterId: seenId, sessionId, limit: pageSize });
      for (const row of page) {
        inbox.note(row);
        seenId = row.id;
        yield eventFrame(row);
      }
      const live = inbox.takeLive();
      for (const step of live) yield progressFrame(step);

      if (page.length + live.length > 0) spokeAt = performance.now();
      if (page.length === pageSize) continue;
      await inbox.wait(Math.max(0, spokeAt + keepAliveMs - performance.now()));
      if (performance.now() - spokeAt < keepAliveMs) continue;
      yield keepAlive;
      spokeAt = performance.now();
    }
  } finally {
    unsubscribe();
  }
}

/** The id to go on from; undefined where that cannot be done without loss. */
function resumeFrom(given: string | null, oldestId: number, newestId: number): number | undefined {
  if (given === null || !/^\d{1,15}$/.test(given)) return undefined;
  const id = Number(given);
  return id >= oldestId - 1 && id <= newestId ? id : undefined;
}

/** A database that is away is waited for: the stream stays open meanwhile. */
async function readPage(
  db: Db,
  params: { afterId: number; sessionId: string | null; limit: number },
): Promise<EventRow[]> {
  try {
    return await listEventsAfter(db, params);
  } catch (error) {
    if (isDatabaseAway(error)) return [];
    throw error;
  }
}

/** What came in for a client since it was last looked at; bounded by the number of live steps. */
function createInbox(signal: AbortSignal) {
  const sent = new Map<string, string>();
  const live = new Map<string, LiveStep>();
  const ended = new Set<string>();
  let isWoken = false;
  let resume: (() => void) | undefined;

  function wake(): void {
    isWoken = true;
    resume?.();
  }
  signal.addEventListener("abort", wake, { once: true });

  return {
    wake,

    putLive(steps: LiveStep[]): void {
      for (const step of steps) {
        const state = JSON.stringify(step);
        if (ended.has(step.id) || sent.get(step.id) === state) continue;
        sent.set(step.id, state);
        live.set(step.id, step);
        wake();
      }
    },

    /** A look at the progress may have begun before a step's end was written: nothing is told of it after its end. */
    note({ type, data }: EventRow): void {
      const stepId = String(data["step_id"]);
      if (type === "step.completed" || type === "step.failed" || type === "step.cancelled") {
        ended.add(stepId);
        live.delete(stepId);
        sent.delete(stepId);
      } else if (type === "step.requested") {
        ended.delete(stepId);
      }
    },

    takeLive(): LiveStep[] {
      const taken = [...live.values()];
      live.clear();
      return taken;
    },

    /** Until there is something to look at, at most `ms`. */
    async wait(ms: number): Promise<void> {
      if (!isWoken) {
        const { promise, resolve } = Promise.withResolvers<void>();
        resume = resolve;
        const timer = setTimeout(resolve, ms);
        await promise;
        clearTimeout(timer);
        resume = undefined;
      }
      isWoken = false;
    },
  };
}
