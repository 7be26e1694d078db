import type { LiveStep } from "#db/queries/generation/step-views";
import type { EventRow } from "#db/schema/events";
import { progressToWire } from "../generation/progress";

/** One message of `text/event-stream` (HTML standard, 9.2.6). JSON holds no line break, so one `data` line is enough. */
export function toFrame(message: { id?: number; event: string; data: unknown }): string {
  const id = message.id === undefined ? "" : `id: ${message.id}\n`;
  return `${id}event: ${message.event}\ndata: ${JSON.stringify(message.data)}\n\n`;
}

/** The delay before a client reconnects. Sent first, so that a client sees that it is connected. */
export const greeting = "retry: 1000\n\n";

export const keepAlive = ": still here\n\n";

export function eventFrame(row: EventRow): string {
  return toFrame({
    id: row.id,
    event: row.type,
    data: {
      ...(row.sessionId !== null && { session_id: row.sessionId }),
      ...row.data,
      created_at: row.createdAt.toISOString(),
    },
  });
}

/** Current progress. It has no id, because it is not stored and not replayed after a reconnect. */
export function progressFrame(step: LiveStep, timeZone: string): string {
  return toFrame({
    event: "step.progress",
    data: {
      session_id: step.sessionId,
      step_id: step.id,
      status: step.status,
      ...progressToWire(step, timeZone),
      ...(step.running?.preview && { preview: step.running.preview }),
    },
  });
}
