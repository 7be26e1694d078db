import { t } from "elysia";

const form =
  "^[12]\\d{3}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\\d|3[01])T(?:[01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(?:\\.\\d{1,9})?(?:[Zz]|[+-](?:[01]\\d|2[0-3]):[0-5]\\d)$";

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
