import { FormatRegistry } from "@sinclair/typebox";
import { t } from "elysia";

const form =
  "^[12]\\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$";
const pattern = new RegExp(form);

// In place of Elysia's, which takes the 30th of February for a day.
FormatRegistry.Set("date-time", isMoment);

/** RFC 3339, of a day that there is: `Date` reads the 30th of February as the 2nd of March. */
function isMoment(text: string): boolean {
  if (!pattern.test(text)) return false;
  const [year, month, day] = text.slice(0, 10).split("-").map(Number);
  return day! <= new Date(Date.UTC(year!, month!, 0)).getUTCDate();
}

/**
 * A moment that a request names: RFC 3339 with its zone, of the years 1000 to 2999. What `Date` takes besides
 * (years of six digits, a day alone) the database does not, or means something else by it.
 */
export function momentInput(description?: string) {
  return t.String({ format: "date-time", pattern: form, ...(description && { description }) });
}

/** A time without zone as Postgres writes it, as a client gets it: always with milliseconds, no zone. */
export function wallClock(timestamp: string): string {
  return new Date(`${timestamp.replace(" ", "T")}Z`).toISOString().slice(0, -1);
}
