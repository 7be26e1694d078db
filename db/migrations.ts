import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { readMigrationFiles } from "drizzle-orm/migrator";
import { migrate } from "drizzle-orm/postgres-js/migrator";
import { sql } from "drizzle-orm";
import type { Database, Db } from "./client";
import { fillSearch } from "./search/search-backfill";

const folder = new URL("./migrations", import.meta.url).pathname;

// An arbitrary number that all processes share: two that start at once migrate one after the other.
const migrationLock = 7_361_201;

/**
 * Applies missing migrations and fills missing search words; safe to run twice and from two processes at once.
 * @throws Error when a newer version of the gallery has migrated the database
 */
export async function applyMigrations(database: Database): Promise<void> {
  await database.sql.begin(async (guard) => {
    await guard`select pg_advisory_xact_lock(${migrationLock})`;
    await checkNotNewer(database.db);
    await migrate(database.db, { migrationsFolder: folder });
    // SQL cannot fold words.
    await fillSearch(database.db);
  });
}

/** Gives an empty database the schema that it had after the migration of this moment, without any rows. */
export async function migrateTo(database: Database, migratedAt: number): Promise<void> {
  const part = await mkdtemp(join(tmpdir(), "gallery-migrations-"));
  try {
    await cp(folder, part, { recursive: true });
    const journal = Bun.file(join(part, "meta/_journal.json"));
    const { entries, ...rest } = (await journal.json()) as { entries: { when: number }[] };
    const wanted = entries.filter(({ when }) => when <= migratedAt);
    await Bun.write(journal, JSON.stringify({ ...rest, entries: wanted }));
    await migrate(database.db, { migrationsFolder: part });
  } finally {
    await rm(part, { recursive: true });
  }
}

/** Whether this program knows the migration of this moment. */
export function knowsMigration(migratedAt: number): boolean {
  return known().some(({ folderMillis }) => folderMillis === migratedAt);
}

/** Every table that a migration has made, also one that a later migration drops. Other tables belong to other programs. */
export function listKnownTables(): string[] {
  const statements = known().flatMap((migration) => migration.sql);
  const made = /^\s*CREATE (?:UNLOGGED )?TABLE "(\w+)"|^\s*ALTER TABLE .* RENAME TO "(\w+)"/gm;
  return statements.flatMap((text) =>
    [...text.matchAll(made)].map(([, one, other]) => one ?? other!),
  );
}

/** The moment of the last migration that was applied; 0 without any. */
export async function findLastMigration(db: Db): Promise<number> {
  const [exists] = await db.execute<{ there: boolean }>(
    sql`select to_regclass('drizzle.__drizzle_migrations') is not null as there`,
  );
  if (!exists?.there) return 0;
  const [applied] = await db.execute<{ last: string | null }>(
    sql`select max(created_at)::text as last from drizzle.__drizzle_migrations`,
  );
  return Number(applied?.last ?? 0);
}

/**
 * How many of this program's migrations were not applied to the database.
 * @throws Error when a newer version of the gallery has migrated the database
 */
export async function countMissingMigrations(db: Db): Promise<number> {
  const last = await checkNotNewer(db);
  return known().filter((migration) => migration.folderMillis > last).length;
}

async function checkNotNewer(db: Db): Promise<number> {
  const last = await findLastMigration(db);
  if (last <= Math.max(...known().map(({ folderMillis }) => folderMillis))) return last;
  throw new Error(
    "A newer version of the gallery has changed the database, and this version does not know its new form. Start the newer version, or restore a backup that was made before it.",
  );
}

const known = () => readMigrationFiles({ migrationsFolder: folder });
