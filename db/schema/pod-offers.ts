import { sql } from "drizzle-orm";
import { bigint, boolean, check, jsonb, pgTable, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** A GPU type that can be rented, as the provider's catalogue has it. Money is in micro-dollars. */
export type PodOffer = {
  gpuType: string;
  name: string;
  memoryGb: number;
  /** null: not sold where pods are rented. */
  hourlyMicros: number | null;
  stock: "none" | "low" | "medium" | "high";
  dataCenters: { id: string; stock: PodOffer["stock"] }[];
};

/** One row: the provider's catalogue as the worker last read it. */
export const podOffers = pgTable(
  "pod_offers",
  {
    only: boolean("only").primaryKey().default(true),
    offers: jsonb("offers").$type<PodOffer[]>().notNull().default([]),
    /** When they were read; null: never. */
    readAt: moment("read_at"),
    /** Why the last attempt failed, as text for the owner; null: it did not. */
    lastError: text("last_error"),
  },
  (table) => [check("pod_offers_one_row", sql`${table.only}`)],
);

/** One row: the newest event that the owner was notified of, or that needed no notice. */
export const noticeCursor = pgTable(
  "notice_cursor",
  {
    only: boolean("only").primaryKey().default(true),
    eventId: bigint("event_id", { mode: "number" }).notNull(),
  },
  (table) => [check("notice_cursor_one_row", sql`${table.only}`)],
);
