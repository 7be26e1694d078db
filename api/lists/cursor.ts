import type { TimePlace } from "#db/queries/page";
import { invalid } from "#errors";
import { sha256Of } from "#sha256";

/** The sort keys of the last row of a page. */
export type CursorKeys = readonly (string | number)[];

/**
 * Makes a cursor. `scope` is the list with its sort and filters, without its page: the cursor is only valid for that
 * list.
 */
export function encodeCursor(scope: unknown, keys: CursorKeys): string {
  return Buffer.from(JSON.stringify([digestOf(scope), ...keys])).toString("base64url");
}

/** @throws AppError validation_error when it is not a cursor of this list */
export function decodeCursor(scope: unknown, cursor: string): CursorKeys {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (Array.isArray(parts) && parts.length > 1 && parts[0] === digestOf(scope)) {
      const keys = parts.slice(1);
      if (keys.every((key) => typeof key === "string" || typeof key === "number")) return keys;
    }
  } catch {
    // Not JSON: refused like a cursor of another list.
  }
  throw badCursor();
}

/** Parses a time key of a cursor: milliseconds since 1970. */
export function momentKey(key: string | number | undefined): Date {
  if (typeof key !== "number" || !Number.isInteger(key)) throw badCursor();
  const isStorable = key >= firstMoment && key <= lastMoment;
  if (!isStorable) throw badCursor();
  return new Date(key);
}

/** The keys of a row in a list that is ordered by time, then id. */
export function timeKeys(row: TimePlace): CursorKeys {
  return [row.at.getTime(), row.id];
}

/** Parses the keys of `timeKeys`. */
export function parseTimeKeys([at, id]: CursorKeys): TimePlace {
  return { at: momentKey(at), id: idKey(id) };
}

/** Parses an integer key of a cursor. `max` is the largest value of the column it is compared with. */
export function numberKey(key: string | number | undefined, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof key !== "number" || !Number.isInteger(key)) throw badCursor();
  if (Math.abs(key) > max) throw badCursor();
  return key;
}

/** Parses a timestamp key without time zone, as Postgres writes it. */
export function wallClockKey(key: string | number | undefined): string {
  if (typeof key !== "string" || !wallClockForm.test(key)) throw badCursor();
  if (Number.isNaN(Date.parse(`${key.replace(" ", "T")}Z`))) throw badCursor();
  return key;
}

/** Parses a text key of a cursor, such as a name. */
export function textKey(key: string | number | undefined): string {
  if (typeof key !== "string" || key.includes("\0") || !key.isWellFormed()) throw badCursor();
  return key;
}

/** Parses an id key of a cursor. */
export function idKey(key: string | number | undefined): string {
  if (typeof key !== "string" || !uuidForm.test(key)) throw badCursor();
  return key;
}

const wallClockForm = /^[12]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?$/;
const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const firstMoment = Date.UTC(1000, 0);
const lastMoment = Date.UTC(3000, 0);

function badCursor(): Error {
  return invalid(
    "This cursor is not of a list with this sort and these filters; start without it.",
    [{ path: "cursor", message: "not a cursor of this list" }],
  );
}

function digestOf(scope: unknown): string {
  return sha256Of(JSON.stringify(scope), "base64url").slice(0, 12);
}
