import { type Static, t } from "elysia";
import type { Schedule } from "#db/opening";
import { priorities, type Priority } from "#db/schema/columns";
import { type FieldFault, invalid } from "#errors";
import { momentInput } from "../../fields/moment";
import { oneOf } from "../../fields/one-of";

const time = t.String({ pattern: "^([01][0-9]|2[0-3]):[0-5][0-9]$", examples: ["22:00"] });
const windowSchema = t.Object({ from: time, to: time }, { additionalProperties: false });
const longestMs = 366 * 24 * 60 * 60 * 1_000;

/** In the bodies of steps and sessions. */
export const scheduleFields = {
  priority: t.Optional(oneOf(priorities)),
  not_before: t.Optional(t.Nullable(momentInput())),
  window: t.Optional(
    t.Nullable(
      t.Object(windowSchema.properties, {
        additionalProperties: false,
        description: "Times in TIME_ZONE between which a turn may begin, such as 22:00 to 06:00",
      }),
    ),
  ),
};

/** In the answers of steps and sessions. */
export const scheduleSchema = {
  priority: oneOf(priorities),
  not_before: t.Optional(t.String({ format: "date-time" })),
  window: t.Optional(t.Object({ from: t.String(), to: t.String() })),
};

/** What a body sets: an absent field is undefined. */
export type RequestedSchedule = {
  priority: Priority | undefined;
  notBefore: Date | null | undefined;
  window: Schedule["window"] | undefined;
};

const bodySchema = t.Object(scheduleFields);

/** @throws AppError validation_error */
export function toSchedule(body: Static<typeof bodySchema>, now: Date): RequestedSchedule {
  const { priority, not_before: text, window } = body;
  const notBefore = typeof text === "string" ? new Date(text) : text;
  const faults: FieldFault[] = [];
  if (notBefore && notBefore.getTime() > now.getTime() + longestMs) {
    faults.push({ path: "not_before", message: "at most 366 days from now" });
  }
  if (window && window.from === window.to) {
    faults.push({ path: "window.to", message: "another time than window.from" });
  }
  if (faults.length > 0) {
    throw invalid("The priority or the time cannot be used; see details.errors.", faults);
  }
  return { priority, notBefore, window };
}

/** The schedule of a new step: its own fields, else those of its session. */
export function scheduleIn(
  session: Schedule & { priority: Priority },
  { priority, notBefore, window }: Partial<RequestedSchedule> = {},
): Schedule & { priority: Priority } {
  return {
    priority: priority ?? session.priority,
    // null: at any time.
    notBefore: notBefore === undefined ? session.notBefore : notBefore,
    window: window === undefined ? session.window : window,
  };
}

export function scheduleToWire(row: Schedule & { priority: Priority }) {
  return {
    priority: row.priority,
    ...(row.notBefore && { not_before: row.notBefore.toISOString() }),
    ...(row.window && { window: { from: row.window.from, to: row.window.to } }),
  };
}
