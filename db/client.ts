import {
  drizzle,
  type PostgresJsDatabase,
  type PostgresJsTransaction,
} from "drizzle-orm/postgres-js";
import type { ExtractTablesWithRelations } from "drizzle-orm";
import postgres from "postgres";
import * as schema from "./schema/index";

type Schema = typeof schema;
export type Db = PostgresJsDatabase<Schema>;
export type Tx = PostgresJsTransaction<Schema, ExtractTablesWithRelations<Schema>>;

/** A pool and what Drizzle makes of it. `close` waits for running queries, 2 s at most. */
export type Database = { db: Db; sql: postgres.Sql; close(): Promise<void> };

/** Opens a pool lazily: nothing is connected before the first query. */
export function openDatabase(
  url: string,
  options: { maxConnections: number; applicationName: string },
): Database {
  const sql = postgres(url, {
    max: options.maxConnections,
    // A database that is away is told within the 5 s that a client is promised.
    connect_timeout: 3,
    // Seconds between two tries to connect; the driver's own pause grows to 20 s, long after the database is back.
    backoff: () => 0.5,
    idle_timeout: 60,
    // The driver asks for array types unasked, and a connection lost meanwhile would end the process. Drizzle knows ours.
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: options.applicationName,
      TimeZone: "UTC",
      // Rows lie in memory or on flash. At 4, meant for turning disks, all photos are read sooner than an album's.
      random_page_cost: "1.1",
      // What a page asks is over before helpers have started.
      max_parallel_workers_per_gather: "0",
    },
  });
  return { db: drizzle(sql, { schema }), sql, close: () => sql.end({ timeout: 2 }) };
}
