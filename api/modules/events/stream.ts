import type { Db } from "#db/client";
import { getEventRange, listEventsAfter } from "#db/queries/events/events";
import type { LiveStep } from "#db/queries/generation/step-views";
import type { EventRow } from "#db/schema/events";
import { isDatabaseAway } from "../../http/database-faults";
import type { ApiDeps } from "../../deps";
import type { Feed } from "./feed";
import { eventFrame, greeting, keepAlive, progressFrame, toFrame } from "./frames";

const pageSize = 100;

export type StreamRequest = {
  /** null: all events. */
  sessionId: string | null;
  /** The unparsed header; null: a new client. */
  lastEventId: string | null;
  /** The current state, for a client that is new or was disconnected for too long. */
  snapshot: () => Promise<unknown>;
  keepAliveMs: number;
  signal: AbortSignal;
};

/**
 * The messages of one client, produced as fast as it reads. Unread events stay in the table; of unread progress only the
 * newest is kept. Ends when `signal` is aborted.
 */
export async function* streamEvents(
  { config, database: { db } }: Pick<ApiDeps, "config" | "database">,
  feed: Feed,
  { sessionId, lastEventId, snapshot, keepAliveMs, signal }: StreamRequest,
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
      // The id was read first: an event between the two reads is sent twice rather than lost.
      yield toFrame({ id: newestId, event: "snapshot", data: await snapshot() });
      seenId = newestId;
    }
    let sentAt = performance.now();
    while (!signal.aborted) {
      const page = await readPage(db, { afterId: seenId, sessionId, limit: pageSize });
      for (const row of page) {
        inbox.note(row);
        seenId = row.id;
        yield eventFrame(row);
      }
      const live = inbox.takeLive();
      for (const step of live) yield progressFrame(step, config.timeZone);

      if (page.length + live.length > 0) sentAt = performance.now();
      if (page.length === pageSize) continue;
      await inbox.wait(Math.max(0, sentAt + keepAliveMs - performance.now()));
      if (performance.now() - sentAt < keepAliveMs) continue;
      yield keepAlive;
      sentAt = performance.now();
    }
  } finally {
    unsubscribe();
  }
}

/** The id to resume after; undefined if events would be lost. */
function resumeFrom(given: string | null, oldestId: number, newestId: number): number | undefined {
  if (given === null || !/^\d{1,15}$/.test(given)) return undefined;
  const id = Number(given);
  return id >= oldestId - 1 && id <= newestId ? id : undefined;
}

/** While the database is unavailable there are no rows, and the stream stays open. */
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

/** Wake-ups and progress that a client's stream has not handled yet; bounded by the number of live steps. */
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

    /** A poll may have started before a step's end was written: no progress is sent after the end. */
    note({ type, data }: EventRow): void {
      if (type === "step.completed" || type === "step.failed" || type === "step.cancelled") {
        ended.add(data.step_id);
        live.delete(data.step_id);
        sent.delete(data.step_id);
      } else if (type === "step.requested") {
        ended.delete(data.step_id);
      }
    },

    takeLive(): LiveStep[] {
      const taken = [...live.values()];
      live.clear();
      return taken;
    },

    /** Resolves on a wake-up, after `ms` at the latest. */
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
