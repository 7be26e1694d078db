import { createHash } from "node:crypto";
import { invalid } from "#errors";

/** Where a page ended: the sort keys of its last row. */
export type CursorKeys = readonly (string | number)[];

/**
 * Makes a cursor. `scope` is the list with its sort and filters (not its page): a cursor opens that
 * list only.
 */
export function encodeCursor(scope: unknown, keys: CursorKeys): string {
  return Buffer.from(JSON.stringify([digestOf(scope), ...keys])).toString("base64url");
}

/** @throws AppError validation_error when it is no cursor of this list */
export function decodeCursor(scope: unknown, cursor: string): CursorKeys {
  try {
    const parts: unknown = JSON.parse(Buffer.from(cursor, "base64url").toString());
    if (Array.isArray(parts) && parts.length > 1 && parts[0] === digestOf(scope)) {
      const keys = parts.slice(1);
      if (keys.every((key) => typeof key === "string" || typeof key === "number")) return keys;
    }
  } catch {
    // Falls through: not JSON is as bad as another list's.
  }
  throw badCursor();
}

/** A moment of a cursor, as its list wrote it: milliseconds since 1970. */
export function momentKey(key: string | number | undefined): Date {
  if (typeof key !== "number" || !Number.isInteger(key)) throw badCursor();
  const isStorable = key >= firstMoment && key <= lastMoment;
  if (!isStorable) throw badCursor();
  return new Date(key);
}

/** The keys of a list that is ordered by time, then id. */
export function timeKeys(row: { at: Date; id: string }): CursorKeys {
  return [row.at.getTime(), row.id];
}

/** Where a list that is ordered by time goes on. */
export function timePlace([at, id]: CursorKeys): { at: Date; id: string } {
  return { at: momentKey(at), id: idKey(id) };
}

/** A whole number of a cursor, no larger than the column it is compared with holds. */
export function numberKey(key: string | number | undefined, max = Number.MAX_SAFE_INTEGER): number {
  if (typeof key !== "number" || !Number.isInteger(key)) throw badCursor();
  if (Math.abs(key) > max) throw badCursor();
  return key;
}

/** A moment without a zone of a cursor, as Postgres writes it. */
export function wallClockKey(key: string | number | undefined): string {
  if (typeof key !== "string" || !wallClockForm.test(key)) throw badCursor();
  if (Number.isNaN(Date.parse(`${key.replace(" ", "T")}Z`))) throw badCursor();
  return key;
}

/** A text of a cursor, such as a name. */
export function textKey(key: string | number | undefined): string {
  if (typeof key !== "string" || key.includes("\0") || !key.isWellFormed()) throw badCursor();
  return key;
}

/** An id of a cursor. */
export function idKey(key: string | number | undefined): string {
  if (typeof key !== "string" || !uuidForm.test(key)) throw badCursor();
  return key;
}

const wallClockForm = /^[12]\d{3}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,3})?$/;
const uuidForm = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const firstMoment = Date.UTC(1000, 0);
const lastMoment = Date.UTC(3000, 0);

function badCursor(): Error {
  return invalid("This cursor belongs to no list of this sort and these filters; start anew.", [
    { path: "cursor", message: "not a cursor of this list" },
  ]);
}

function digestOf(scope: unknown): string {
  return createHash("sha256").update(JSON.stringify(scope)).digest("base64url").slice(0, 12);
}
