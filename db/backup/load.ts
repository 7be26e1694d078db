import { sha256OfStream } from "#sha256";
import {
  copyOut,
  copySettings,
  type CopySql,
  type Counter,
  list,
  quote,
  type TableShape,
} from "./tables";

/** A table of a backup; `rows` gives its bytes in the text format of COPY. */
export type TableToLoad = TableShape & { rows: () => AsyncIterable<Uint8Array>; sha256: string };

/** Ids that were given after the backup are not given again: a client may still know them. */
const skippedIds = 1_000_000n;

/**
 * Loads all tables in one transaction, reads each back and compares it with its hash. `complete` writes the last changes of
 * the transaction.
 * @throws Error when a table differs afterwards
 */
export async function loadTables(
  url: string,
  backup: { tables: TableToLoad[]; counters: Counter[] },
  complete: (tx: CopySql) => Promise<void>,
): Promise<void> {
  const pool = new Bun.SQL(url, {
    max: 1,
    connection: { application_name: "gallery-restore", ...copySettings },
  });
  try {
    await pool.begin(async (tx) => {
      // Photos, sessions and steps refer to each other, so that no order satisfies the constraints.
      const constraints = await dropForeignKeys(tx);
      // Migrations have inserted rows.
      await tx.unsafe(`truncate ${list(backup.tables.map(({ name }) => name))}`);
      for (const table of backup.tables) {
        await copyIn(tx, table);
        if ((await sha256OfStream(copyOut(tx, table))) === table.sha256) continue;
        throw new Error(`the table ${table.name} is not as the backup has it`);
      }
      for (const { sequence, last } of backup.counters) {
        const next = String(BigInt(last) + skippedIds);
        // A backup of an earlier version may name one of another program.
        await tx.unsafe(
          `select setval(found, ${next}) from to_regclass('public.${quote(sequence)}') as found where found is not null`,
        );
      }
      await complete(tx);
      for (const { table, name, definition } of constraints) {
        await tx.unsafe(`alter table ${table} add constraint ${quote(name)} ${definition}`);
      }
    });
  } finally {
    await pool.close({ timeout: 2 });
  }
}

async function dropForeignKeys(
  tx: CopySql,
): Promise<{ table: string; name: string; definition: string }[]> {
  const constraints = await tx.unsafe(`
    select conrelid::regclass::text as table, conname as name, pg_get_constraintdef(oid) as definition
    from pg_constraint where contype = 'f' and connamespace = 'public'::regnamespace`);
  for (const { table, name } of constraints) {
    await tx.unsafe(`alter table ${table} drop constraint ${quote(name)}`);
  }
  return constraints;
}

async function copyIn(tx: CopySql, { name, columns, rows }: TableToLoad): Promise<void> {
  const target = tx
    .unsafe(`copy ${quote(name)} (${list(columns)}) from stdin`)
    .writable()
    .getWriter();
  try {
    for await (const chunk of rows()) await target.write(chunk);
  } catch (error) {
    await target.abort(error).catch(() => {});
    throw error;
  }
  await target.close();
}
