import { and, eq, lt, notExists, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { type Mask, masks } from "../../schema/masks";
import { photos } from "../../schema/photos";
import { steps } from "../../schema/steps";

/** Stores a mask, once for equal contents. The caller names it in a row of the same transaction. */
export async function keepMask(tx: Tx, mask: Mask): Promise<void> {
  const { usedAt } = mask;
  await tx
    .insert(masks)
    .values(mask)
    .onConflictDoUpdate({ target: masks.contentHash, set: { usedAt } });
}

/** undefined for a mask that nothing names any more. */
export async function findMask(db: Db | Tx, contentHash: string): Promise<Mask | undefined> {
  const [mask] = await db.select().from(masks).where(eq(masks.contentHash, contentHash));
  return mask;
}

/** Deletes masks that no row names and that no step has named since `before`; returns how many. */
export async function deleteUnusedMasks(db: Db, before: Date): Promise<number> {
  const deleted = await db
    .delete(masks)
    .where(
      and(
        lt(masks.usedAt, before),
        notExists(
          db
            .select({ one: sql`1` })
            .from(steps)
            .where(eq(steps.maskHash, masks.contentHash)),
        ),
        notExists(
          db
            .select({ one: sql`1` })
            .from(photos)
            .where(eq(photos.maskHash, masks.contentHash)),
        ),
      ),
    )
    .returning({ hash: masks.contentHash });
  return deleted.length;
}
