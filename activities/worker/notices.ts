import type { Database } from "#db/client";
import { passOnEvents } from "#db/queries/pods/notices";
import { postNotice } from "../adapters/webhook";
import { pause } from "../heartbeat";
import { noticeOf } from "../pods/notices";

/**
 * Notifies the owner of what happens to rented pods, until `signal` aborts. A notice is repeated until it is accepted, so one
 * whose answer was lost may arrive twice, with the same `id`. Needs no workflow service: it may be the one that is away.
 */
export async function sendNotices(
  { database, url, now }: { database: Database; url: string; now: () => Date },
  options: {
    everyMs: number;
    /** After a failure. */
    retryMs: number;
    onFault: (error: unknown) => void;
    signal: AbortSignal;
  },
): Promise<void> {
  const { everyMs, retryMs, onFault, signal } = options;
  while (!signal.aborted) {
    let pauseMs = everyMs;
    try {
      await passOnEvents(database.db, async (event) => {
        const text = noticeOf(event, now());
        if (text === null) return;
        const { id, type, data, createdAt } = event;
        const body = { text, id, event: type, data, created_at: createdAt.toISOString() };
        await postNotice(url, body, signal);
      });
    } catch (error) {
      if (!signal.aborted) onFault(error);
      pauseMs = retryMs;
    }
    // An abort ends the pause early and is not an error.
    await pause(pauseMs, signal).catch(() => {});
  }
}
