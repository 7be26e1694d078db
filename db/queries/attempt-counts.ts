import { lt } from "drizzle-orm";
import type { Db } from "../client";
import { attemptCounts } from "../schema/attempt-counts";

/** Drops counts whose window ended before `before`; returns how many. */
export async function deleteAttemptCountsBefore(db: Db, before: Date): Promise<number> {
  const gone = await db
    .delete(attemptCounts)
    .where(lt(attemptCounts.expire, BigInt(before.getTime())))
    .returning({ key: attemptCounts.key });
  return gone.length;
}
