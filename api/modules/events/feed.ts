import { openEventChannel } from "#db/event-channel";
import { type LiveStep, listLiveSteps } from "#db/queries/generation-views";
import type { ApiDeps } from "../../deps";

/** Readers look by themselves this often: an announcement is a wake-up only and may be lost. */
const pollMs = 5_000;
/** As long as there is progress to be made it is looked at this often, also when nothing is announced. */
const progressMs = 1_000;

/** Who reads; `sessionId` null: of all sessions. */
type Subscriber = {
  sessionId: string | null;
  /** The events table may hold more. */
  onWake: () => void;
  /** The live steps as they are now. */
  onLive: (steps: LiveStep[]) => void;
};

export type Feed = { subscribe(subscriber: Subscriber): () => void };

/** What all streams of a process share: one listening connection, one look at the progress. Nothing runs without a subscriber. */
export function createFeed({ config, database, log }: ApiDeps): Feed {
  const subscribers = new Set<Subscriber>();
  let running: { close(): void } | undefined;
  let isLooking = false;
  let isChanged = false;
  let nextLook: ReturnType<typeof setTimeout> | undefined;

  function start() {
    const channel = openEventChannel(config.secrets.databaseUrl, {
      onEvents: wakeAll,
      onProgress: () => void look(),
    });
    const poll = setInterval(wakeAll, pollMs);
    return {
      close() {
        clearInterval(poll);
        clearTimeout(nextLook);
        void channel.close();
      },
    };
  }

  function wakeAll(): void {
    for (const subscriber of subscribers) subscriber.onWake();
    void look();
  }

  /** One look at a time; what changes meanwhile is seen by another one right after it. */
  async function look(): Promise<void> {
    isChanged = true;
    if (isLooking) return;
    isLooking = true;
    clearTimeout(nextLook);
    try {
      while (isChanged && subscribers.size > 0) {
        isChanged = false;
        await lookOnce();
      }
    } catch (error) {
      // Looked at again with the next wake-up.
      log.warn({ reason: error instanceof Error ? error.name : "unknown" }, "progress not read");
    } finally {
      isLooking = false;
    }
  }

  async function lookOnce(): Promise<void> {
    const watched = [...subscribers].map((subscriber) => subscriber.sessionId);
    const ids = watched.filter((id) => id !== null);
    const live = await listLiveSteps(
      database.db,
      ids.length < watched.length ? "all" : [...new Set(ids)],
    );
    for (const { sessionId, onLive } of subscribers) {
      onLive(live.filter((step) => sessionId === null || step.sessionId === sessionId));
    }
    clearTimeout(nextLook);
    if (live.length > 0 && running) nextLook = setTimeout(() => void look(), progressMs);
  }

  return {
    subscribe(subscriber) {
      subscribers.add(subscriber);
      running ??= start();
      void look();
      return () => {
        subscribers.delete(subscriber);
        if (subscribers.size > 0) return;
        running?.close();
        running = undefined;
      };
    },
  };
}
