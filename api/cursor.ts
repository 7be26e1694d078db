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

export function badCursor(): Error {
  return invalid("This cursor belongs to no list of this sort and these filters; start anew.", [
    { path: "cursor", message: "not a cursor of this list" },
  ]);
}

function digestOf(scope: unknown): string {
  return createHash("sha256").update(JSON.stringify(scope)).digest("base64url").slice(0, 12);
}
