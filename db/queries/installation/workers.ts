import { lt, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { workers } from "../../schema/workers";

/** Workers are seen every 5 s: after several missed times one counts as gone. */
const aliveSeconds = 30;
/** So long the import roots of a worker that is gone stay known: it may be restarting. */
const rememberedHours = 24;

export type RunningWorker = Pick<
  typeof workers.$inferSelect,
  "id" | "host" | "roles" | "importRoots"
>;

/** Notes that a worker runs. */
export async function noteWorker(db: Db, worker: RunningWorker): Promise<void> {
  await db
    .insert(workers)
    .values(worker)
    .onConflictDoUpdate({ target: workers.id, set: { seenAt: sql`now()` } });
}

/** Notes that a worker stops: from now on it serves nothing. */
export async function noteWorkerStops(db: Db, id: string): Promise<void> {
  await db
    .update(workers)
    .set({ seenAt: sql`now() - ${aliveSeconds}::int * interval '1 second'` })
    .where(sql`${workers.id} = ${id}`);
}

/** The time by the clock of Postgres. */
export async function readDatabaseTime(db: Db): Promise<Date> {
  const [row] = await db.execute<{ ms: number }>(
    sql`select extract(epoch from clock_timestamp())::float8 * 1000 as ms`,
  );
  return new Date(row!.ms);
}

/** What running workers serve. */
export type Served = {
  count: number;
  roles: ReadonlySet<string>;
  importRoots: ReadonlySet<string>;
  /** Also those of workers that stopped lately. */
  knownImportRoots: ReadonlySet<string>;
};

export async function findServed(db: Db): Promise<Served> {
  const rows = await db
    .select({
      roles: workers.roles,
      importRoots: workers.importRoots,
      isAlive: sql<boolean>`${workers.seenAt} > now() - ${aliveSeconds}::int * interval '1 second'`,
    })
    .from(workers);
  const alive = rows.filter(({ isAlive }) => isAlive);
  return {
    count: alive.length,
    roles: new Set(alive.flatMap(({ roles }) => roles)),
    importRoots: new Set(alive.flatMap(({ importRoots }) => importRoots)),
    knownImportRoots: new Set(rows.flatMap(({ importRoots }) => importRoots)),
  };
}

/** Whether workers run, and none of them has the role. */
export const isUnserved = (role: string) => sql<boolean>`(
  select count(*) > 0 and not bool_or(${role} = any(roles)) from workers
  where seen_at > now() - ${aliveSeconds}::int * interval '1 second'
)`;

/** Forgets workers that have been gone for a day. */
export async function deleteGoneWorkers(db: Db): Promise<void> {
  const since = sql`now() - ${rememberedHours}::int * interval '1 hour'`;
  await db.delete(workers).where(lt(workers.seenAt, since));
}
