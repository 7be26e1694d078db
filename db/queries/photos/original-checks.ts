import { and, asc, eq, gt, inArray, isNotNull, isNull, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { originalChecks, type OriginalFault } from "../../schema/original-checks";
import { photos } from "../../schema/photos";
import { insertEvents } from "../events/events";

/** Photos whose original is stored. */
export const storedOriginal = and(eq(photos.retrievalStatus, "completed"), isNull(photos.purgedAt));

/** The columns of `ExpectedOriginal`. */
export const expectedOriginal = {
  id: photos.id,
  kind: photos.kind,
  filename: photos.filename,
  mimeType: sql<string>`${photos.mimeType}`,
  fileSize: sql<number>`${photos.fileSize}`.mapWith(Number),
  contentHash: sql<string>`${photos.contentHash}`,
};

/** A photo whose original is stored, as the row describes the file. */
export type ExpectedOriginal = Awaited<ReturnType<typeof listOriginalsAfter>>[number];

/** All photos with an original, trashed ones included, by id, a page at a time. */
export function listOriginalsAfter(db: Db, params: { afterId: string | null; limit: number }) {
  const after = params.afterId === null ? undefined : gt(photos.id, params.afterId);
  return db
    .select(expectedOriginal)
    .from(photos)
    .where(and(storedOriginal, after))
    .orderBy(asc(photos.id))
    .limit(params.limit);
}

/** Those that were never compared with their hash first, then those that were not for the longest time. */
export function listLongestUnchecked(
  db: Db,
  params: { checkedBefore: Date; limit: number },
): Promise<ExpectedOriginal[]> {
  return db
    .select(expectedOriginal)
    .from(photos)
    .leftJoin(originalChecks, eq(originalChecks.photoId, photos.id))
    .where(
      and(
        storedOriginal,
        sql`coalesce(${originalChecks.checkedAt} < ${params.checkedBefore.toISOString()}::timestamptz, true)`,
      ),
    )
    .orderBy(sql`${originalChecks.checkedAt} asc nulls first`, asc(photos.id))
    .limit(params.limit);
}

/** Those of these photos that still should have an original. */
export async function findStoredIds(db: Db, ids: string[]): Promise<Set<string>> {
  if (ids.length === 0) return new Set();
  const rows = await db
    .select({ id: photos.id })
    .from(photos)
    .where(and(inArray(photos.id, ids), storedOriginal));
  return new Set(rows.map(({ id }) => id));
}

export async function countOriginals(db: Db): Promise<number> {
  return db.$count(photos, storedOriginal);
}

export type CheckResult = {
  photoId: string;
  fault: OriginalFault | null;
  isInBackup: boolean | null;
};

/** Stores results of checks; a fault that is new gets an event. Photos that were purged meanwhile are left out. */
export async function noteChecks(
  db: Db,
  params: { results: CheckResult[]; now: Date },
): Promise<void> {
  const { results, now } = params;
  await db.transaction(async (tx) => {
    const ids = results.map(({ photoId }) => photoId);
    const rows = await tx
      .select({ id: photos.id })
      .from(photos)
      .where(and(inArray(photos.id, ids), storedOriginal))
      .orderBy(asc(photos.id))
      .for("share");
    const there = new Set(rows.map(({ id }) => id));
    const earlier = await tx
      .select({ id: originalChecks.photoId })
      .from(originalChecks)
      .where(and(inArray(originalChecks.photoId, ids), isNotNull(originalChecks.fault)));
    const known = new Set(earlier.map(({ id }) => id));
    const noted = results.filter(({ photoId }) => there.has(photoId));
    if (noted.length === 0) return;
    await tx
      .insert(originalChecks)
      .values(
        noted
          .toSorted((a, b) => (a.photoId < b.photoId ? -1 : 1))
          .map((result) => ({
            ...result,
            checkedAt: now,
            faultFoundAt: result.fault === null ? null : now,
          })),
      )
      .onConflictDoUpdate({
        target: originalChecks.photoId,
        set: {
          checkedAt: sql`excluded.checked_at`,
          fault: sql`excluded.fault`,
          isInBackup: sql`excluded.is_in_backup`,
          faultFoundAt: sql`case when excluded.fault is not null then coalesce(${originalChecks.faultFoundAt}, excluded.fault_found_at) end`,
        },
      });
    await insertEvents(
      tx,
      noted.flatMap(({ photoId, fault, isInBackup }) =>
        fault === null || known.has(photoId)
          ? []
          : [
              {
                type: "photo.original_damaged" as const,
                sessionId: null,
                data: { photo_id: photoId, fault, is_in_backup: isInBackup },
              },
            ],
      ),
    );
  });
}

/** Photos whose original is lost or damaged, in the order in which this was found. */
export async function listFaultyOriginals(db: Db, params: { limit: number }) {
  return db
    .select({
      ...expectedOriginal,
      fault: sql<OriginalFault>`${originalChecks.fault}`,
      isInBackup: originalChecks.isInBackup,
      foundAt: sql<Date>`${originalChecks.faultFoundAt}`.mapWith(originalChecks.faultFoundAt),
    })
    .from(originalChecks)
    .innerJoin(photos, eq(photos.id, originalChecks.photoId))
    .where(and(isNotNull(originalChecks.fault), storedOriginal))
    .orderBy(asc(originalChecks.faultFoundAt), asc(originalChecks.photoId))
    .limit(params.limit);
}

/** How many originals there are, were compared since `since`, and are lost or damaged. */
export async function summarizeChecks(db: Db, since: Date) {
  const [row] = await db
    .select({
      originals: sql<number>`count(*)::int`,
      checked: sql<number>`(count(*) filter (where ${originalChecks.checkedAt} >= ${since.toISOString()}::timestamptz))::int`,
      faulty: sql<number>`(count(*) filter (where ${originalChecks.fault} is not null))::int`,
    })
    .from(photos)
    .leftJoin(originalChecks, eq(originalChecks.photoId, photos.id))
    .where(storedOriginal);
  return row ?? { originals: 0, checked: 0, faulty: 0 };
}

/** For metrics: how many originals are known to be lost or damaged. */
export async function countFaultyOriginals(db: Db): Promise<number> {
  const [row] = await db
    .select({ amount: sql<number>`count(*)::int` })
    .from(originalChecks)
    .innerJoin(photos, eq(photos.id, originalChecks.photoId))
    .where(and(isNotNull(originalChecks.fault), storedOriginal));
  return row?.amount ?? 0;
}
