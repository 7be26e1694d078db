import { sql } from "drizzle-orm";
import type { Db } from "../client";
import { listKnownTables } from "../migrations";

/**
 * What a restore finds in its database. `empty`: nothing of ours. `new`: a gallery that was never used. `used`: rows of an
 * owner. `restoring`: an unfinished restore of this backup.
 */
export type TargetState = "empty" | "new" | "used" | { restoring: string; installationId: string };

/** Tables that an owner, not the program, fills. */
const owned = [
  "photos",
  "sessions",
  "albums",
  "templates",
  "wordlists",
  "share_links",
  "photo_imports",
  "settings",
  "pod_sessions",
  "model_installs",
];

/** @returns also the names of programs of the gallery that are connected */
export async function examineTarget(db: Db): Promise<{ state: TargetState; running: string[] }> {
  const connected = await db.execute<{ name: string }>(sql`
    select distinct application_name as name from pg_stat_activity
    where datname = current_database() and application_name in ('gallery-api', 'gallery-worker')`);
  return { state: await stateOf(db), running: connected.map(({ name }) => name) };
}

async function stateOf(db: Db): Promise<TargetState> {
  const tables = await db.execute<{ name: string; isView: boolean }>(sql`
    select relname as name, relkind in ('v', 'm') as "isView" from pg_class
    where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')`);
  if (tables.length === 0) return "empty";
  const names = new Set(tables.map(({ name }) => name));
  // Tables of another program.
  if (!names.has("installation") || !names.has("photos")) return "used";
  const [restoring] = await findRestore(db);
  if (restoring) return restoring;
  const known = new Set(listKnownTables());
  if (tables.some(({ name, isView }) => !isView && !known.has(name))) return "used";
  for (const table of owned.filter((name) => names.has(name))) {
    const [row] = await db.execute(sql`select 1 from ${sql.identifier(table)} limit 1`);
    if (row !== undefined) return "used";
  }
  return "new";
}

/** As text: the database may be older than the column. */
async function findRestore(db: Db): Promise<{ restoring: string; installationId: string }[]> {
  return db.execute<{ restoring: string; installationId: string }>(sql`
    select row ->> 'restoring_backup_id' as restoring, row ->> 'id' as "installationId"
    from (select to_jsonb(installation) as row from installation) as read
    where row ->> 'restoring_backup_id' is not null`);
}

/** Drops the tables of a gallery that was never used. */
export async function dropUnused(db: Db): Promise<void> {
  await db.transaction(async (tx) => {
    const tables = await tx.execute<{ name: string }>(sql`
      select relname as name from pg_class
      where relnamespace = 'public'::regnamespace and relkind = 'r'`);
    for (const { name } of tables) {
      await tx.execute(sql`drop table ${sql.identifier(name)} cascade`);
    }
    await tx.execute(sql`drop schema if exists drizzle cascade`);
  });
}
