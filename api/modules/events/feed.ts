import { openEventChannel } from "#db/event-channel";
import { type LiveStep, listLiveSteps } from "#db/queries/generation/step-views";
import { findWaits } from "#db/queries/line/line";
import type { ApiDeps } from "../../deps";

/** Subscribers poll this often: a notification is only a wake-up and may be lost. */
const wakeMs = 5_000;
/** While steps are live, their progress is polled this often, even without a notification. */
const progressMs = 1_000;
/** Each change of turn moves every waiting step: positions are read at most this often. */
const positionsMs = 2_000;

/** A stream that reads the feed; `sessionId` null: all sessions. */
type Subscriber = {
  sessionId: string | null;
  /** Called when the events table may have new rows. */
  onWake: () => void;
  /** Called with the current state of the live steps. */
  onLive: (steps: LiveStep[]) => void;
};

export type Feed = { subscribe(subscriber: Subscriber): () => void };

/** Shared by all streams of a process: one LISTEN connection and one poll of progress. Idle without subscribers. */
export function createFeed({ config, database, log }: ApiDeps): Feed {
  const subscribers = new Set<Subscriber>();
  let running: { close(): void } | undefined;
  let waits: Awaited<ReturnType<typeof findWaits>> = new Map();
  let waitsReadAt = -Infinity;
  let isPolling = false;
  let isChanged = false;
  let nextPoll: ReturnType<typeof setTimeout> | undefined;

  function start() {
    const channel = openEventChannel(config.secrets.databaseUrl, {
      onEvents: wakeAll,
      onProgress: () => void pollProgress(),
    });
    const wakeTimer = setInterval(wakeAll, wakeMs);
    return {
      close() {
        clearInterval(wakeTimer);
        clearTimeout(nextPoll);
        void channel.close();
      },
    };
  }

  function wakeAll(): void {
    for (const subscriber of subscribers) subscriber.onWake();
    void pollProgress();
  }

  /** One poll at a time. A change during a poll causes another one right after it. */
  async function pollProgress(): Promise<void> {
    isChanged = true;
    if (isPolling) return;
    isPolling = true;
    clearTimeout(nextPoll);
    try {
      while (isChanged && subscribers.size > 0) {
        isChanged = false;
        await readProgress();
      }
    } catch (error) {
      // The next wake-up polls again.
      log.warn({ reason: error instanceof Error ? error.name : "unknown" }, "progress not read");
    } finally {
      isPolling = false;
    }
  }

  async function readWaits() {
    if (performance.now() - waitsReadAt >= positionsMs) {
      waits = await findWaits(database.db);
      waitsReadAt = performance.now();
    }
    return waits;
  }

  async function readProgress(): Promise<void> {
    const watched = [...subscribers].map((subscriber) => subscriber.sessionId);
    const ids = watched.filter((id) => id !== null);
    const live = await listLiveSteps(
      database.db,
      ids.length < watched.length ? "all" : [...new Set(ids)],
      readWaits,
    );
    for (const { sessionId, onLive } of subscribers) {
      onLive(live.filter((step) => sessionId === null || step.sessionId === sessionId));
    }
    clearTimeout(nextPoll);
    if (live.length > 0 && running) nextPoll = setTimeout(() => void pollProgress(), progressMs);
  }

  return {
    subscribe(subscriber) {
      subscribers.add(subscriber);
      running ??= start();
      void pollProgress();
      return () => {
        subscribers.delete(subscriber);
        if (subscribers.size > 0) return;
        running?.close();
        running = undefined;
      };
    },
  };
}
