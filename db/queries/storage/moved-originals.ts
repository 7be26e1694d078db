import { and, asc, eq, gt, inArray, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client";
import type { OriginalFault } from "../../schema/original-checks";
import { photos } from "../../schema/photos";
import { movedOriginals } from "../../schema/storage-moves";
import { expectedOriginal, storedOriginal } from "../photos/original-checks";

/** Photos with an original that the newest move has not settled, by id. */
export function listUnmoved(db: Db, params: { afterId: string | null; limit: number }) {
  const after = params.afterId === null ? undefined : gt(photos.id, params.afterId);
  return db
    .select(expectedOriginal)
    .from(photos)
    .leftJoin(movedOriginals, eq(movedOriginals.photoId, photos.id))
    .where(and(storedOriginal, isNull(movedOriginals.photoId), after))
    .orderBy(asc(photos.id))
    .limit(params.limit);
}

export type MovedOriginal = { photoId: string; fault: OriginalFault | null };

/** Notes originals that are settled. Photos that were purged meanwhile are left out. */
export async function noteMoved(db: Db, originals: MovedOriginal[]): Promise<void> {
  const ids = originals.map(({ photoId }) => photoId);
  await db.transaction(async (tx) => {
    const rows = await tx
      .select({ id: photos.id })
      .from(photos)
      .where(inArray(photos.id, ids))
      .orderBy(asc(photos.id))
      .for("key share");
    const there = new Set(rows.map((row) => row.id));
    const values = originals.filter(({ photoId }) => there.has(photoId));
    if (values.length === 0) return;
    await tx
      .insert(movedOriginals)
      .values(values.toSorted((a, b) => (a.photoId < b.photoId ? -1 : 1)))
      .onConflictDoUpdate({
        target: movedOriginals.photoId,
        set: { fault: sql`excluded.fault` },
      });
  });
}

/** How many originals the newest move has settled, how many of these are lost or damaged, and how many there are. */
export async function countMoved(
  db: Db,
): Promise<{ originals: number; settled: number; missing: number; damaged: number }> {
  const [row] = await db
    .select({
      originals: sql<number>`count(*)::int`,
      settled: sql<number>`count(${movedOriginals.photoId})::int`,
      missing: sql<number>`(count(*) filter (where ${movedOriginals.fault} = 'missing'))::int`,
      damaged: sql<number>`(count(*) filter (where ${movedOriginals.fault} = 'damaged'))::int`,
    })
    .from(photos)
    .leftJoin(movedOriginals, eq(movedOriginals.photoId, photos.id))
    .where(storedOriginal);
  return row ?? { originals: 0, settled: 0, missing: 0, damaged: 0 };
}
