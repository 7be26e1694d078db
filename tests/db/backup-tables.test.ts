import { expect, test } from "bun:test";
import { buffer } from "node:stream/consumers";
import { getTableName, is } from "drizzle-orm";
import { PgTable } from "drizzle-orm/pg-core";
import { loadTables, type TableToLoad } from "#db/backup/load";
import { withBackupLock } from "#db/backup/snapshot";
import { type Counter, copyOut, type CopySql } from "#db/backup/tables";
import { applyMigrations, countMissingMigrations, migrateTo } from "#db/migrations";
import * as schema from "#db/schema/index";
import { markRestore } from "#db/queries/installation/restoring";
import { sha256Of } from "#sha256";
import { createEmptyDatabase } from "#tests/support/database";
import journal from "../../db/migrations/meta/_journal.json";

/** The migration before the last one. */
const earlier = journal.entries.at(-2)!.when;

async function dump(url: string): Promise<{ tables: TableToLoad[]; counters: Counter[] }> {
  return withBackupLock(url, ({ readSnapshot }) =>
    readSnapshot(async (snapshot) => {
      const tables: TableToLoad[] = [];
      for (const table of snapshot.tables) {
        const bytes = await buffer(copyOut(snapshot.sql, table));
        const sha256 = sha256Of(bytes);
        const rows = async function* () {
          yield bytes;
        };
        tables.push({ ...table, rows, sha256 });
      }
      return { tables, counters: snapshot.counters };
    }),
  );
}

/** A database of the earlier schema with rows that refer to each other in a circle. */
async function createEarlier() {
  const database = await createEmptyDatabase();
  await migrateTo(database, earlier);
  const id = crypto.randomUUID();
  await database.sql`insert into sessions (id, entry_type) values (${id}, 'scratch')`;
  await database.sql`
    insert into photos (id, kind, filename, mime_type, width, height, file_size, content_hash, retrieval_status, session_id, title)
    values (${id}, 'uploaded', 'a.png', 'image/png', 1, 1, 1, repeat('a', 64), 'completed', ${id}, ${"tab\tline\n\\N"})`;
  await database.sql`update sessions set source_image_id = ${id}`;
  return database;
}

test("a backup can begin as soon as one has ended", async () => {
  const { sql: other, url } = await createEmptyDatabase();
  for (let times = 0; times < 20; times += 1) {
    await withBackupLock(url, async () => {});
    const held = await other`
      select pid from pg_locks join pg_database on pg_database.oid = database
      where locktype = 'advisory' and datname = current_database()`;
    expect([times, held.length]).toEqual([times, 0]);
  }
});

test("tables and counters of another program are not part of a backup; those of the gallery all are", async () => {
  const from = await createEmptyDatabase();
  await applyMigrations(from);
  const before = await dump(from.url);
  await from.sql`create table accounts (id int generated always as identity)`;
  await from.sql`insert into accounts default values`;
  await from.sql`create schema other`;
  await from.sql`create table other.photos (id serial)`;
  await from.sql`insert into other.photos default values`;
  await from.sql`create sequence numbers`;
  await from.sql`select nextval('numbers')`;
  await from.sql`insert into events (type, data) values ('photo.created', '{}')`;
  const { tables, counters } = await dump(from.url);
  expect(tables.map(({ name }) => name)).toEqual(before.tables.map(({ name }) => name));
  expect(counters).toEqual([{ sequence: "events_id_seq", last: "1" }]);
  const unlogged = ["retrieval_claims", "step_progress"];
  const own = Object.values(schema).flatMap((value) =>
    is(value, PgTable) ? [getTableName(value)] : [],
  );
  expect(tables.map(({ name }) => name)).toEqual(
    own.filter((name) => !unlogged.includes(name)).toSorted(),
  );
  await from.drop();
}, 60_000);

test("rows of an earlier schema are loaded into that schema, and migrated on", async () => {
  const [from, to] = [await createEarlier(), await createEmptyDatabase()];
  await migrateTo(to, earlier);
  expect(await countMissingMigrations(to.db)).toBe(1);
  const { tables, counters } = await dump(from.url);
  await loadTables(to.url, { tables, counters }, async () => {});
  await applyMigrations(to);
  expect(await countMissingMigrations(to.db)).toBe(0);
  const [photo] = await to.sql`select title, search <> '' as "isSearchable", shown_at from photos`;
  expect(photo).toMatchObject({ title: "tab\tline\n\\N", isSearchable: true });
  expect(photo!.shown_at).not.toBeNull();
  // The constraints are back.
  const orphan = to.sql`insert into album_photos values (gen_random_uuid(), gen_random_uuid(), 1)`;
  expect((await orphan.catch((error: Error) => error)) as Error).toBeInstanceOf(Error);
  await Promise.all([from.drop(), to.drop()]);
}, 60_000);

type Load = {
  sent?: (tables: TableToLoad[]) => TableToLoad[];
  /** Statements on the database, before. */
  there?: string[];
  complete?: (tx: CopySql) => Promise<void>;
  says: string;
};

test.each<[string, Load]>([
  [
    "a table is not as its hash says",
    {
      sent: (tables) =>
        tables.map((table) =>
          table.name === "photos" ? { ...table, sha256: "0".repeat(64) } : table,
        ),
      says: "the table photos is not as the backup has it",
    },
  ],
  [
    // What arrives is as its hash says.
    "Postgres holds a table otherwise than the backup after it was loaded",
    {
      there: [
        `create function change() returns trigger language plpgsql
          as $$ begin new.title := 'other'; return new; end $$`,
        "create trigger change before insert on photos for each row execute function change()",
      ],
      says: "the table photos is not as the backup has it",
    },
  ],
  [
    // There is no row of an installation to mark.
    "what completes the load fails",
    {
      complete: (tx) => markRestore(tx, crypto.randomUUID()),
      says: "no row of its installation",
    },
  ],
])(
  "nothing is loaded when %s",
  async (_, load) => {
    const { sent = (tables) => tables, there = [], complete = async () => {}, says } = load;
    const [from, to] = [await createEarlier(), await createEmptyDatabase()];
    await migrateTo(to, earlier);
    for (const statement of there) await to.sql.unsafe(statement);
    const { tables, counters } = await dump(from.url);
    const loading = loadTables(to.url, { tables: sent(tables), counters }, complete);
    expect(await loading.catch((error: Error) => error.message)).toContain(says);
    expect(await to.sql`select 1 from sessions`).toHaveLength(0);
    await Promise.all([from.drop(), to.drop()]);
  },
  60_000,
);

test("rows are copied the same whatever form of values a database prefers", async () => {
  const from = await createEarlier();
  await from.sql`insert into masks values (repeat('a', 64), 1, 1, '\\x00ff5c'::bytea, now())`;
  await from.sql`alter table watched_files disable trigger all`;
  await from.sql`
    insert into watched_files (import_id, file_hash, size, modified_ms, noted_at)
    values (gen_random_uuid(), repeat('a', 64), 1, 1764567890123.4567, now())`;
  const usual = await dump(from.url);
  for (const setting of [
    "timezone = 'Asia/Tokyo'",
    "datestyle = 'SQL, DMY'",
    "intervalstyle = 'iso_8601'",
    "bytea_output = 'escape'",
    "extra_float_digits = -15",
  ]) {
    const [{ name }] = (await from.sql`select current_database() as name`) as [{ name: string }];
    await from.sql.unsafe(`alter database "${name}" set ${setting}`);
  }
  const preferred = await dump(from.url);
  const sumsOf = ({ tables }: typeof usual) => tables.map(({ name, sha256 }) => [name, sha256]);
  expect(sumsOf(preferred)).toEqual(sumsOf(usual));
  await from.drop();
}, 60_000);

test("a connection that was lost has lost its lock, and says so", async () => {
  const { sql: other, url, drop } = await createEmptyDatabase();
  const ending = withBackupLock(url, async ({ checkLock }) => {
    await checkLock();
    await other`
      select pg_terminate_backend(pid) from pg_stat_activity
      where datname = current_database() and application_name = 'gallery-backup'`;
    await checkLock();
    return "it has the lock";
  });
  expect(await ending.catch(() => "lost")).toBe("lost");
  await drop();
}, 60_000);

test("a snapshot does not see what is written while it is read", async () => {
  const from = await createEarlier();
  const seen = await withBackupLock(from.url, ({ readSnapshot }) =>
    readSnapshot(async (snapshot) => {
      await from.sql`insert into albums (id, name) values (gen_random_uuid(), 'late')`;
      const albums = snapshot.tables.find(({ name }) => name === "albums")!;
      return (await buffer(copyOut(snapshot.sql, albums))).toString();
    }),
  );
  expect(seen).toBe("");
  expect(await from.sql`select name from albums`).toHaveLength(1);
  await from.drop();
}, 60_000);
