import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { type Database, openDatabase } from "#db/client";
import { applyMigrations } from "#db/migrations";
import { required } from "./environment";

const template = "gallery_test_template";

// Any number: the files of one run agree on who makes the template.
const templateLock = 7_361_299;

let ready: Promise<void> | undefined;

/** A database of its own, cloned from a migrated template; `drop` ends it. */
export async function createTestDatabase(): Promise<
  Database & { url: string; drop(): Promise<void> }
> {
  await (ready ??= prepareTemplate());
  const name = `gallery_test_${randomBytes(8).toString("hex")}`;
  await administer(
    (sql) => sql`create database ${sql(name)} template ${sql(template)} strategy wal_log`,
  );
  const url = urlOf(name);
  const database = openDatabase(url, { maxConnections: 8, applicationName: "gallery-test" });
  const drop = async () => {
    await database.close();
    await administer((sql) => sql`drop database ${sql(name)} with (force)`);
  };
  return { ...database, url, drop };
}

async function prepareTemplate(): Promise<void> {
  await administer(async (sql) => {
    await sql`select pg_advisory_lock(${templateLock})`;
    await sql`drop database if exists ${sql(template)} with (force)`;
    await sql`create database ${sql(template)}`;
    const database = openDatabase(urlOf(template), {
      maxConnections: 2,
      applicationName: "gallery-test",
    });
    await applyMigrations(database);
    await database.close();
  });
}

async function administer(work: (sql: postgres.Sql) => Promise<unknown>): Promise<void> {
  const sql = postgres(required("TEST_DATABASE_URL"), { max: 1, onnotice: () => {} });
  try {
    await work(sql);
  } finally {
    await sql.end({ timeout: 2 });
  }
}

function urlOf(name: string): string {
  const url = new URL(required("TEST_DATABASE_URL"));
  url.pathname = `/${name}`;
  return url.toString();
}
