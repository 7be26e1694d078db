import { boolean, integer, pgTable, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** What is known of each place where InvokeAI runs; `local` is the one at INVOKEAI_LOCAL_URL. */
export const backends = pgTable("backends", {
  ref: text("ref").primaryKey(),
  connected: boolean("connected").notNull().default(false),
  apiVersion: text("api_version"),
  queuePending: integer("queue_pending"),
  queueInProgress: integer("queue_in_progress"),
  /** Why it is not connected; of one that is, what is doubtful about it. */
  lastError: text("last_error"),
  checkedAt: moment("checked_at"),
  modelsSyncedAt: moment("models_synced_at"),
  /** Of what was written into `models` then: as long as it stays the same, nothing is written again. */
  modelsDigest: text("models_digest"),
});

export type Backend = typeof backends.$inferSelect;
