import { lt } from "drizzle-orm";
import type { Db } from "../../client";
import { deleteInSlices } from "../../delete-slice";
import { idempotencyKeys } from "../../schema/idempotency-keys";

/** Deletes keys older than `before`; returns how many. */
export function deleteIdempotencyKeysBefore(
  db: Db,
  before: Date,
  onSlice?: () => void,
): Promise<number> {
  return deleteInSlices(
    db,
    { from: idempotencyKeys, where: lt(idempotencyKeys.createdAt, before) },
    onSlice,
  );
}
