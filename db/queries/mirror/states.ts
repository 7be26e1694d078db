import { eq } from "drizzle-orm";
import type { Db } from "../../client";
import { mirrorStates } from "../../schema/mirror";

export type MirrorState = Omit<typeof mirrorStates.$inferSelect, "backend">;

/** Undefined before the first look. */
export async function findMirrorState(db: Db, backend: string): Promise<MirrorState | undefined> {
  const [row] = await db.select().from(mirrorStates).where(eq(mirrorStates.backend, backend));
  return row;
}

/** Notes how far the mirror of a place is; absent fields keep their value. */
export async function noteMirrorState(
  db: Db,
  params: { backend: string; now: Date } & Partial<Omit<MirrorState, "updatedAt">>,
): Promise<void> {
  const { backend, now: updatedAt, ...change } = params;
  await db
    .insert(mirrorStates)
    .values({ backend, updatedAt, ...change })
    .onConflictDoUpdate({ target: mirrorStates.backend, set: { updatedAt, ...change } });
}
