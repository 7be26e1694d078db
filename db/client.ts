import {
  drizzle,
  type PostgresJsDatabase,
  type PostgresJsTransaction,
} from "drizzle-orm/postgres-js";
import type { ExtractTablesWithRelations } from "drizzle-orm";
import postgres from "postgres";
import { abandonable } from "./abandon";
import * as schema from "./schema/index";

type Schema = typeof schema;
export type Db = PostgresJsDatabase<Schema>;
export type Tx = PostgresJsTransaction<Schema, ExtractTablesWithRelations<Schema>>;

/** A pool and its Drizzle instance. `close` waits up to 2 s for running queries. */
export type Database = { db: Db; sql: postgres.Sql; close(): Promise<void> };

/** Opens a pool that connects at the first query. */
export function openDatabase(
  url: string,
  options: {
    maxConnections: number;
    applicationName: string;
    connectSeconds?: number;
    /** Postgres cancels a statement that takes longer, waiting for a lock included; default: no limit. */
    statementTimeoutMs?: number;
  },
): Database {
  const pool = postgres(url, {
    max: options.maxConnections,
    // Clients are promised an answer within 5 s when the database is unavailable.
    connect_timeout: options.connectSeconds ?? 3,
    // Seconds between two attempts to connect. The driver's default grows to 20 s, which delays recovery.
    backoff: () => 0.5,
    idle_timeout: 60,
    // Saves a query for array types on each new connection: Drizzle knows the types.
    fetch_types: false,
    onnotice: () => {},
    connection: {
      application_name: options.applicationName,
      TimeZone: "UTC",
      // Rows are in memory or on flash. At 4, the default for spinning disks, the planner would scan all photos for an album.
      random_page_cost: "1.1",
      // Queries for a page end before parallel workers have started.
      max_parallel_workers_per_gather: "0",
      ...(options.statementTimeoutMs !== undefined && {
        statement_timeout: options.statementTimeoutMs,
      }),
    },
  });
  const sql = abandonable(pool);
  return { db: drizzle(sql, { schema }), sql, close: () => sql.end({ timeout: 2 }) };
}
