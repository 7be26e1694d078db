import postgres from "postgres";

/** Makes a database unless it exists. `maintenanceUrl` is the URL of another database of the same server. */
export async function createDatabase(maintenanceUrl: string, name: string): Promise<void> {
  await askPostgres(maintenanceUrl, async (sql) => {
    const [existing] = await sql`select 1 from pg_database where datname = ${name}`;
    if (existing === undefined) await sql`create database ${sql(name)}`;
  });
}

/** Drops a database if it exists. `maintenanceUrl` as above. */
export async function dropDatabase(maintenanceUrl: string, name: string): Promise<void> {
  await askPostgres(
    maintenanceUrl,
    (sql) => sql`drop database if exists ${sql(name)} with (force)`,
  );
}

const attempts = 4;
const attemptMs = 5_000;

/**
 * Does some work, which may be done twice, over a connection of its own.
 *
 * Bun has been seen to sleep with the first query of a new connection unsent, when nothing else was going on in the
 * process. A timer beside it wakes the process, and another attempt is the way out should that not be enough.
 */
export async function askPostgres<T>(
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
    // When the timeout wins, the attempt's own failure has nobody left to tell.
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
