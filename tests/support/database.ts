import { randomBytes } from "node:crypto";
import postgres from "postgres";
import { type Database, openDatabase } from "#db/client";
import { applyMigrations } from "#db/migrations";
import { required } from "./environment";

// An arbitrary key: one process of a run creates the template, the others wait for it.
const templateLock = 7_361_299;

let ready: Promise<void> | undefined;

/** Creates a database from a migrated template; `drop` closes the pool and deletes the database. */
export async function createTestDatabase(): Promise<
  Database & { url: string; drop(): Promise<void> }
> {
  const template = required("TEST_DATABASE_TEMPLATE");
  await (ready ??= ensureTemplate(template));
  return createFrom(template);
}

/** Creates a database without any table. */
export const createEmptyDatabase = () => createFrom("template0");

async function createFrom(template: string) {
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

/** Creates the template unless it exists. It is renamed last, so its name exists only when it is complete. */
async function ensureTemplate(template: string): Promise<void> {
  await administer(async (sql) => {
    await sql`select pg_advisory_lock(${templateLock})`;
    const [existing] = await sql`select 1 from pg_database where datname = ${template}`;
    if (existing !== undefined) return;
    const unfinished = `${template}_unfinished`;
    await sql`create database ${sql(unfinished)}`;
    const database = openDatabase(urlOf(unfinished), {
      maxConnections: 2,
      applicationName: "gallery-test",
    });
    await applyMigrations(database);
    await database.close();
    await sql`alter database ${sql(unfinished)} rename to ${sql(template)}`;
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
