import { lt } from "drizzle-orm";
import type { Db } from "../client";
import { idempotencyKeys } from "../schema/idempotency-keys";

/** Drops keys older than `before`; returns how many. */
export async function deleteIdempotencyKeysBefore(db: Db, before: Date): Promise<number> {
  const gone = await db
    .delete(idempotencyKeys)
    .where(lt(idempotencyKeys.createdAt, before))
    .returning({ key: idempotencyKeys.key });
  return gone.length;
}
