import { desc, isNull, sql } from "drizzle-orm";
import type { Db } from "../client";
import { photos } from "../schema/photos";

/** A month as `2026-11`, and how many photos are of it. */
export type TimelineMonth = { month: string; count: number };

/**
 * The months that have photos, newest first: of the camera's clock, where it is known, else of the moment the
 * photo came here as `timeZone` (an IANA name) tells it. Those in the trash do not count.
 */
export async function listTimeline(db: Db, timeZone: string): Promise<TimelineMonth[]> {
  const shownAt = sql`coalesce(${photos.takenAt}, ${photos.createdAt} at time zone ${timeZone})`;
  const months = db
    .select({
      month: sql`date_trunc('month', ${shownAt})`.as("month"),
      count: sql<number>`count(*)::int`.as("count"),
    })
    .from(photos)
    .where(isNull(photos.deletedAt))
    .groupBy(sql`1`)
    .as("months");
  return db
    .select({ month: sql<string>`to_char(${months.month}, 'YYYY-MM')`, count: months.count })
    .from(months)
    .orderBy(desc(months.month))
    .prepare("timeline")
    .execute();
}
