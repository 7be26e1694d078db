import { readMigrationFiles } from "drizzle-orm/migrator";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { sql } from "drizzle-orm";
import type { Database, Db } from "./client";
import { fillSearch } from "./search/search-backfill";

const folder = new URL("./migrations", import.meta.url).pathname;

// An arbitrary number that all processes share: two that start at once migrate one after the other.
const migrationLock = 7_361_201;

/** Applies missing migrations and fills missing search words; safe to run twice and from two processes at once. */
export async function applyMigrations(database: Database): Promise<void> {
  await database.sql.begin(async (guard) => {
    await guard`select pg_advisory_xact_lock(${migrationLock})`;
    await migrate(database.db, { migrationsFolder: folder });
    // SQL cannot fold words.
    await fillSearch(database.db);
  });
}

/** How many of this program's migrations were not applied to the database. */
export async function countMissingMigrations(db: Db): Promise<number> {
  const known = readMigrationFiles({ migrationsFolder: folder });
  const [exists] = await db.execute<{ there: boolean }>(
    sql`select to_regclass('drizzle.__drizzle_migrations') is not null as there`,
  );
  if (!exists?.there) return known.length;
  const [applied] = await db.execute<{ last: string | null }>(
    sql`select max(created_at)::text as last from drizzle.__drizzle_migrations`,
  );
  const last = Number(applied?.last ?? 0);
  return known.filter((migration) => migration.folderMillis > last).length;
}
