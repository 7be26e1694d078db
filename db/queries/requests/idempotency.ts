import { and, eq, isNotNull, isNull, lt } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { idempotencyKeys } from "../../schema/idempotency-keys";

export type KeyRef = { route: string; key: string };
export type KeyRow = typeof idempotencyKeys.$inferSelect;

const isKey = ({ route, key }: KeyRef) =>
  and(eq(idempotencyKeys.route, route), eq(idempotencyKeys.key, key));

/** Claims a key; false when it is taken. */
export async function claimKey(
  db: Db,
  params: KeyRef & { fingerprint: string; leaseUntil: Date },
): Promise<boolean> {
  const rows = await db
    .insert(idempotencyKeys)
    .values(params)
    .onConflictDoNothing()
    .returning({ key: idempotencyKeys.key });
  return rows.length === 1;
}

export async function findKey(db: Db, ref: KeyRef): Promise<KeyRow | undefined> {
  const [row] = await db.select().from(idempotencyKeys).where(isKey(ref));
  return row;
}

/** Extends the lease of an unanswered key from `leaseUntil`; false when another request has taken the key over. */
export async function moveLease(
  db: Db,
  params: KeyRef & { leaseUntil: Date; to: Date },
): Promise<boolean> {
  const rows = await db
    .update(idempotencyKeys)
    .set({ leaseUntil: params.to })
    .where(
      and(
        isKey(params),
        isNull(idempotencyKeys.status),
        eq(idempotencyKeys.leaseUntil, params.leaseUntil),
      ),
    )
    .returning({ key: idempotencyKeys.key });
  return rows.length === 1;
}

/** Stores the first answer; a second one changes nothing. */
export async function keepAnswer(
  db: Db | Tx,
  params: KeyRef & { status: number; body: unknown },
): Promise<void> {
  const { status, body } = params;
  await db
    .update(idempotencyKeys)
    .set({ status, body })
    .where(and(isKey(params), isNull(idempotencyKeys.status)));
}

/** Frees an unanswered key. */
export async function freeKey(db: Db, ref: KeyRef): Promise<void> {
  await db.delete(idempotencyKeys).where(and(isKey(ref), isNull(idempotencyKeys.status)));
}

/** Frees an answered key that is older than `before`. */
export async function freeExpiredKey(db: Db, ref: KeyRef & { before: Date }): Promise<void> {
  await db
    .delete(idempotencyKeys)
    .where(
      and(isKey(ref), isNotNull(idempotencyKeys.status), lt(idempotencyKeys.createdAt, ref.before)),
    );
}
