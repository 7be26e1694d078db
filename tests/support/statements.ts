import { drizzle } from "drizzle-orm/postgres-js";
import postgres from "postgres";
import type { Database } from "#db/client";
import * as schema from "#db/schema/index";

/** A pool that counts the statements sent through it. */
export function openCountedDatabase(url: string): Database & { statements(): number } {
  let sent = 0;
  const sql = postgres(url, {
    max: 2,
    fetch_types: false,
    onnotice: () => {},
    debug: () => void (sent += 1),
  });
  return {
    db: drizzle(sql, { schema }),
    sql,
    close: () => sql.end({ timeout: 2 }),
    statements: () => sent,
  };
}
