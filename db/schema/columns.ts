import { type Column, sql } from "drizzle-orm";
import { jsonb, text, timestamp } from "drizzle-orm/pg-core";
import type { TimeWindow } from "../opening";

/** A timestamp in milliseconds: JavaScript's Date holds no more, and a cursor must survive the round trip. */
export const moment = (name: string) =>
  timestamp(name, { precision: 3, withTimezone: true, mode: "date" });

export const priorities = ["now", "normal", "idle"] as const;
export type Priority = (typeof priorities)[number];

/** When steps may get their turn, and which goes first. The column names are the same in all tables. */
export const scheduleColumns = () => ({
  priority: text("priority").$type<Priority>().notNull().default("normal"),
  notBefore: moment("not_before"),
  window: jsonb("window").$type<TimeWindow>(),
});

/** A check that a column holds one of these words or null. */
export const among = (column: Column, words: readonly string[]) =>
  sql`${column} in (${sql.raw(words.map((word) => `'${word}'`).join(", "))})`;
