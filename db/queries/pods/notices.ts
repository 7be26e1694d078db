import type { Db, Tx } from "../../client";
import type { EventRow } from "../../schema/events";
import { noticeCursor } from "../../schema/pod-offers";
import { getEventRange, listEventsAfter } from "../events/events";

/** Events that are looked through at once. */
const slice = 200;

/**
 * Passes on the events that no notice was sent for, oldest first, each once however many workers run: `send` is called under
 * a lock, and an event counts only after it has returned. The first call ever skips all that happened before it.
 * @throws what `send` throws; the event is passed on again
 */
export async function passOnEvents(
  db: Db,
  send: (event: EventRow) => Promise<void>,
): Promise<void> {
  for (;;) {
    const isDone = await db.transaction(async (tx) => {
      const at = await lockCursor(tx);
      if (at === undefined) return true;
      const rows = await listEventsAfter(tx, { afterId: at, sessionId: null, limit: slice });
      const [next] = rows.filter(({ type }) => mayBeNotice(type));
      const last = next ?? rows.at(-1);
      if (!last) return true;
      if (next) await send(next);
      await tx.update(noticeCursor).set({ eventId: last.id });
      return false;
    });
    if (isDone) return;
  }
}

const mayBeNotice = (type: string) =>
  type.startsWith("pod.") || type === "backup.failed" || type === "storage.move.waiting";

/** Undefined while another worker has it, or when it was just made. */
async function lockCursor(tx: Tx): Promise<number | undefined> {
  const [row] = await tx.select().from(noticeCursor).for("update", { skipLocked: true });
  if (row) return row.eventId;
  const { newestId } = await getEventRange(tx);
  await tx.insert(noticeCursor).values({ eventId: newestId }).onConflictDoNothing();
  return undefined;
}
