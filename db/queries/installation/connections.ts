import { sql } from "drizzle-orm";
import type { Db } from "../../client";

/** This program's database connections by state; the connection that runs this query counts as idle. */
export async function countConnections(db: Db): Promise<{ state: string; count: number }[]> {
  return db.execute<{ state: string; count: number }>(sql`
    select
      case when pid = pg_backend_pid() then 'idle' else coalesce(state, 'unknown') end as state,
      count(*)::int as count
    from pg_stat_activity
    where application_name = current_setting('application_name') and datname = current_database()
    group by 1
  `);
}
