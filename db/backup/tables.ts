import { linesOf } from "#lines";
import { listKnownTables } from "../migrations";

/** What a statement of `Bun.SQL` runs on: a pool, a reserved connection or a transaction. */
export type CopySql = Pick<Bun.SQL, "unsafe">;

/**
 * Of every connection that copies tables: the text of a value must depend neither on the settings of a server, a database or
 * a role, nor on how long a table takes.
 */
export const copySettings = {
  TimeZone: "UTC",
  DateStyle: "ISO, YMD",
  IntervalStyle: "postgres",
  bytea_output: "hex",
  extra_float_digits: 1,
  statement_timeout: 0,
};

/** A table as a backup holds it. */
export type TableShape = {
  name: string;
  /** Without generated columns, which cannot be loaded. */
  columns: string[];
  /** The primary key: rows are copied in its order, so that equal tables give equal bytes. */
  key: string[];
};

/** A counter of ids and the last one that it gave. */
export type Counter = { sequence: string; last: string };

/** The tables of the gallery in a fixed order. Unlogged ones are left out: a crash of Postgres empties them, too. */
export async function listTables(sql: CopySql): Promise<TableShape[]> {
  return sql.unsafe(`
    select c.relname as name,
      (select json_agg(attname order by attnum) from pg_attribute
        where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = '') as columns,
      (select coalesce(json_agg(a.attname order by k.place), '[]') from pg_index as i
        cross join unnest(i.indkey) with ordinality as k (number, place)
        join pg_attribute as a on a.attrelid = c.oid and a.attnum = k.number
        where i.indrelid = c.oid and i.indisprimary) as key
    from pg_class as c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relpersistence = 'p'
      and c.relname in (${knownTables()})
    order by c.relname`) as Promise<TableShape[]>;
}

/** When the newest migration was made, in milliseconds: its identity. */
export async function readMigration(sql: CopySql): Promise<number> {
  const [applied] = await sql.unsafe(
    "select max(created_at)::text as last from drizzle.__drizzle_migrations",
  );
  return Number(applied.last);
}

/** The gallery's tables as a list of SQL's strings: a database may hold tables of other programs, too. */
const knownTables = () =>
  listKnownTables()
    .map((name) => `'${name}'`)
    .join(", ");

/** The counters of the gallery's tables that have given an id. */
export async function listCounters(sql: CopySql): Promise<Counter[]> {
  return sql.unsafe(`
    select sequencename as sequence, last_value::text as last from pg_sequences
    where schemaname = 'public' and last_value is not null and exists (
      select from pg_depend as d join pg_class as t on t.oid = d.refobjid
      where d.objid = format('public.%I', sequencename)::regclass and d.deptype in ('a', 'i')
        and t.relname in (${knownTables()}))
    order by sequencename`) as Promise<Counter[]>;
}

/** The rows of a table in the text format of COPY, in the order of its key. */
export function copyOut(
  sql: CopySql,
  { name, columns, key }: TableShape,
): ReadableStream<Uint8Array> {
  const order = key.length > 0 ? ` order by ${list(key)}` : "";
  return sql
    .unsafe(`copy (select ${list(columns)} from ${quote(name)}${order}) to stdout`)
    .readable();
}

export const list = (names: readonly string[]) => names.map(quote).join(", ");

/** An identifier in SQL. */
export const quote = (name: string) => `"${name.replaceAll('"', '""')}"`;

export type StoredOriginal = {
  id: string;
  kind: "uploaded" | "generated";
  mimeType: string;
  bytes: number;
  sha256: string;
};

/** The photos that have an original, trashed ones included. */
export async function* originalsOf(sql: CopySql): AsyncGenerator<StoredOriginal> {
  const rows = sql.unsafe(`
    copy (select id, kind, mime_type, file_size, content_hash from photos
      where retrieval_status = 'completed' and purged_at is null order by id) to stdout`);
  for await (const line of linesOf(rows.readable())) {
    const [id, kind, mimeType, bytes, sha256] = line.split("\t") as [
      string,
      StoredOriginal["kind"],
      string,
      string,
      string,
    ];
    yield { id, kind, mimeType, bytes: Number(bytes), sha256 };
  }
}
