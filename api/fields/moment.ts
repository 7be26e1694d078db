import { FormatRegistry } from "@sinclair/typebox";
import { t } from "elysia";

const form =
  "^[12]\\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$";
const pattern = new RegExp(form);

// Replaces Elysia's format, which accepts the 30th of February.
FormatRegistry.Set("date-time", isMoment);

/** RFC 3339, with a day that exists: `Date` reads the 30th of February as the 2nd of March. */
function isMoment(text: string): boolean {
  if (!pattern.test(text)) return false;
  const [year, month, day] = text.slice(0, 10).split("-").map(Number);
  return day! <= new Date(Date.UTC(year!, month!, 0)).getUTCDate();
}

/**
 * The schema of a time in a request: RFC 3339 with its zone, in the years 1000 to 2999. The other forms that `Date` accepts
 * (years of six digits, a date alone) are refused: Postgres rejects them or reads them differently.
 */
export function momentInput(description?: string) {
  return t.String({ format: "date-time", pattern: form, ...(description && { description }) });
}

/** Converts a timestamp without time zone from Postgres' form to the API's: always with milliseconds, without a zone. */
export function wallClock(timestamp: string): string {
  return new Date(`${timestamp.replace(" ", "T")}Z`).toISOString().slice(0, -1);
}
