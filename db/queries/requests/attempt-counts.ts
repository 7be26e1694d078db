import { lt } from "drizzle-orm";
import type { Db } from "../../client";
import { deleteInSlices } from "../../delete-slice";
import { attemptCounts } from "../../schema/attempt-counts";

/** Deletes counts whose window ended before `before`; returns how many. */
export function deleteAttemptCountsBefore(
  db: Db,
  before: Date,
  onSlice?: () => void,
): Promise<number> {
  return deleteInSlices(
    db,
    { from: attemptCounts, where: lt(attemptCounts.expire, BigInt(before.getTime())) },
    onSlice,
  );
}
