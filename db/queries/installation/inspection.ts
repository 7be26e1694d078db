import { sql } from "drizzle-orm";
import type { Db } from "../../client";

export type ServerState = {
  version: string;
  now: Date;
  /** Of this database, in bytes. */
  bytes: number;
  connections: number;
  maxConnections: number;
};

/** How the database server is; needs no table of ours. */
export async function inspectServer(db: Db): Promise<ServerState> {
  const [row] = await db.execute<{
    version: string;
    now_ms: number;
    bytes: number;
    connections: number;
    max: number;
  }>(sql`
    select current_setting('server_version') as version,
      extract(epoch from clock_timestamp())::float8 * 1000 as now_ms,
      pg_database_size(current_database())::float8 as bytes,
      (select count(*)::int from pg_stat_activity) as connections,
      current_setting('max_connections')::int as max
  `);
  if (!row) throw new Error("a query without a row");
  const { version, bytes, connections } = row;
  return { version, now: new Date(row.now_ms), bytes, connections, maxConnections: row.max };
}

/** The installation's row, which this does not create. */
export async function findInstallation(
  db: Db,
): Promise<{ id: string; restoringBackupId: string | null } | undefined> {
  const [row] = await db.execute<{ id: string; restoring: string | null }>(
    sql`select id, restoring_backup_id as restoring from installation`,
  );
  return row && { id: row.id, restoringBackupId: row.restoring };
}
