import postgres from "postgres";

/** Creates a database unless it exists. `maintenanceUrl` is the URL of another database of the same server. */
export async function createDatabase(maintenanceUrl: string, name: string): Promise<void> {
  await queryPostgres(maintenanceUrl, async (sql) => {
    const [existing] = await sql`select 1 from pg_database where datname = ${name}`;
    if (existing === undefined) await sql`create database ${sql(name)}`;
  });
}

/** Drops a database if it exists. `maintenanceUrl` is as above. */
export async function dropDatabase(maintenanceUrl: string, name: string): Promise<void> {
  await queryPostgres(
    maintenanceUrl,
    (sql) => sql`drop database if exists ${sql(name)} with (force)`,
  );
}

const attempts = 4;
const attemptMs = 5_000;

/**
 * Runs idempotent work over a separate connection. Bun sometimes sleeps before it sends the first query of a new
 * connection, when nothing else happens in the process. A timer wakes the process, and a second attempt covers the
 * remaining cases.
 */
export async function queryPostgres<T>(
  url: string,
  work: (sql: postgres.Sql) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt += 1) {
    const sql = postgres(url, { max: 1, connect_timeout: 5, onnotice: () => {} });
    const wakes = setInterval(() => {}, 100);
    const silence = new Error("Postgres does not answer");
    const timeout = Promise.withResolvers<never>();
    const timer = setTimeout(() => timeout.reject(silence), attemptMs);
    const answer = work(sql);
    // After a timeout nothing awaits the attempt any more; its failure is ignored.
    answer.catch(() => {});
    try {
      return await Promise.race([answer, timeout.promise]);
    } catch (error) {
      if (error !== silence || attempt === attempts) throw error;
    } finally {
      clearTimeout(timer);
      clearInterval(wakes);
      await sql.end({ timeout: 0 });
    }
  }
}
