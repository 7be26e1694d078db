import { and, eq, gte, inArray, isNotNull, sql } from "drizzle-orm";
import type { Db, Tx } from "../../client";
import { photos } from "../../schema/photos";
import { podSessions } from "../../schema/pod-sessions";
import { turns } from "../../schema/turns";
import { runnableTurns } from "../line/turns";
import { countOpenInstalls, findNewestInstallRequest } from "../models/install-requests";

/** When the newest run that needs a pod asked for its turn, or an install for the place that a pod would be; null: none does. */
export async function findNewestRequest(db: Db | Tx, place: string): Promise<Date | null> {
  const requests = [await findNewestTurn(db, place), await findNewestInstallRequest(db, place)];
  const times = requests.flatMap((at) => at?.getTime() ?? []);
  return times.length === 0 ? null : new Date(Math.max(...times));
}

/** A run whose model the place lacks, as last known, is no reason to rent or keep a pod. */
async function findNewestTurn(db: Db | Tx, place: string): Promise<Date | null> {
  const [row] = await db.execute<{ ms: number | null }>(sql`
    select extract(epoch from max(asked_at))::float8 * 1000 as ms from (
      select asked_at from turns where backend <> 'local'
      union all select turns.asked_at from ${runnableTurns(place)}) as asked
  `);
  return row?.ms == null ? null : new Date(row.ms);
}

/** What still uses a place: turns that are held there, images that were not fetched, and open installs. */
export async function countUse(
  db: Db | Tx,
  place: string,
): Promise<{ turns: number; unfetched: number; installs: number }> {
  return {
    turns: await db.$count(turns, eq(turns.backend, place)),
    unfetched: await db.$count(
      photos,
      and(eq(photos.backend, place), inArray(photos.retrievalStatus, ["pending", "processing"])),
    ),
    installs: await countOpenInstalls(db, place),
  };
}

/** The batches at a place that may still be running, with the steps that hold a turn there. */
export async function listOpenBatches(db: Db, place: string): Promise<string[]> {
  const rows = await db.execute<{ batchId: string }>(sql`
    select a.batch_id as "batchId" from attempts a
    where a.backend = ${place} and a.posted_at is not null and a.settled_at is null
    union all
    select r.batch_id from reproductions r
    where r.backend = ${place} and r.posted_at is not null and r.batch_id is not null and r.judged_at is null
  `);
  return rows.map(({ batchId }) => batchId);
}

/** How long pods usually take until they are ready, in milliseconds: the median of the last boots; null: none yet. */
export async function findUsualBoot(db: Db | Tx): Promise<number | null> {
  const booted = await db
    .select({ madeAt: podSessions.madeAt, readyAt: podSessions.readyAt })
    .from(podSessions)
    .where(and(isNotNull(podSessions.readyAt), gte(podSessions.readyAt, podSessions.madeAt)))
    .orderBy(sql`${podSessions.requestedAt} desc`)
    .limit(5);
  const times = booted
    .map(({ madeAt, readyAt }) => readyAt!.getTime() - madeAt!.getTime())
    .toSorted((a, b) => a - b);
  return times[Math.floor(times.length / 2)] ?? null;
}
