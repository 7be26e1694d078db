import { type CursorKeys, idKey, momentKey } from "../../cursor";
import type { TimePlace } from "#db/queries/generation-views";

/** The keys of a list that is ordered by time, then id. */
export function timeKeys(row: { at: Date; id: string }): CursorKeys {
  return [row.at.getTime(), row.id];
}

/** @throws AppError validation_error when the keys are of another list */
export function toTimePlace(keys: CursorKeys): TimePlace {
  const [at, id] = keys;
  return { at: momentKey(at), id: idKey(id) };
}
