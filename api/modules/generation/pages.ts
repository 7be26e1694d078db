import { type CursorKeys, badCursor } from "../../cursor";
import type { TimePlace } from "#db/queries/generation-views";

/** The keys of a list that is ordered by time, then id. */
export function timeKeys(row: { at: Date; id: string }): CursorKeys {
  return [row.at.getTime(), row.id];
}

/** @throws AppError validation_error when the keys are of another list */
export function toTimePlace(keys: CursorKeys): TimePlace {
  const [at, id] = keys;
  if (typeof at !== "number" || typeof id !== "string" || keys.length !== 2) throw badCursor();
  return { at: new Date(at), id };
}
