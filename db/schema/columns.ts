import { type Column, sql } from "drizzle-orm";
import { timestamp } from "drizzle-orm/pg-core";

/** A timestamp in milliseconds: JavaScript's Date holds no more, and a cursor must survive the round trip. */
export const moment = (name: string) =>
  timestamp(name, { precision: 3, withTimezone: true, mode: "date" });

/** A check that a column holds one of these words or null. */
export const among = (column: Column, words: readonly string[]) =>
  sql`${column} in (${sql.raw(words.map((word) => `'${word}'`).join(", "))})`;
