import { AppError } from "#errors";
import {
  copySettings,
  type CopySql,
  type Counter,
  listCounters,
  listTables,
  readMigration,
  type TableShape,
} from "./tables";

// An arbitrary number that all backups of a database share.
const backupLock = 7_361_205;

/** The connection of one backup. */
export type BackupConnection = {
  /** Reads the database as it was at one moment, whatever others write meanwhile. */
  readSnapshot: <T>(read: (snapshot: Snapshot) => Promise<T>) => Promise<T>;
  /** Throws when the connection, and with it the lock, was lost meanwhile. */
  checkLock: () => Promise<void>;
};

export type Snapshot = {
  sql: CopySql;
  /** The newest migration of these tables. */
  migration: number;
  tables: TableShape[];
  counters: Counter[];
};

/**
 * Runs a backup under a lock of the database, which ends with the connection, however its holder dies. The lock is not a
 * transaction: files may be copied for hours without keeping the database from cleaning up.
 * @throws AppError conflict when another backup runs
 */
export async function withBackupLock<T>(
  url: string,
  work: (connection: BackupConnection) => Promise<T>,
): Promise<T> {
  // The driver of all other statements hangs in a COPY within a transaction.
  const pool = new Bun.SQL(url, {
    max: 1,
    idleTimeout: 0,
    maxLifetime: 0,
    connection: { application_name: "gallery-backup", ...copySettings },
  });
  const sql = await pool.reserve();
  try {
    const [row] = await sql`select pg_try_advisory_lock(${backupLock}) as "isMine"`;
    if (row.isMine !== true) throw isUnderWay();
    const connection: BackupConnection = {
      readSnapshot: (read) =>
        sql.begin("isolation level repeatable read read only", async (tx) =>
          // The first statement takes the snapshot. Counters are read last: they are not part of it and only grow.
          read({
            sql: tx,
            migration: await readMigration(tx),
            tables: await listTables(tx),
            counters: await listCounters(tx),
          }),
        ),
      async checkLock() {
        await sql`select 1`;
      },
    };
    const result = await work(connection);
    // Postgres notices only a moment later that a connection was closed, and would refuse the next backup until then. A
    // connection that was lost has no lock to release.
    await sql`select pg_advisory_unlock(${backupLock})`.catch(() => {});
    return result;
  } finally {
    await sql.release();
    await pool.close({ timeout: 2 });
  }
}

function isUnderWay(): AppError {
  return new AppError({
    kind: "conflict",
    code: "conflict",
    message: "Another backup of this gallery is under way; wait until it has ended.",
  });
}
