import { sql } from "drizzle-orm";
import { boolean, integer, pgTable, text, uniqueIndex } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** The place whose address is a setting; the others are rented. */
export const localPlace = "local";

/** Last known state of each place: an InvokeAI with its database. Columns named `backend` hold its `ref`. */
export const backends = pgTable(
  "backends",
  {
    /** `local`, `volume:<volume id>`, `pod:<pod session id>`, or `remote`: a pod without a volume that is not rented yet. */
    ref: text("ref").primaryKey(),
    /** New turns and checks of requests use this place. Exactly one row is true from the first migration on. */
    inForce: boolean("in_force").notNull().default(false),
    /** The place whose models count: pods without a volume are set up alike, so they share the list of `remote`. */
    modelList: text("model_list")
      .notNull()
      .generatedAlwaysAs(sql`case when "ref" like 'pod:%' then 'remote' else "ref" end`),
    connected: boolean("connected").notNull().default(false),
    apiVersion: text("api_version"),
    queuePending: integer("queue_pending"),
    queueInProgress: integer("queue_in_progress"),
    /** InvokeAI's queue is paused: no item starts until it is resumed in InvokeAI. */
    queuePaused: boolean("queue_paused").notNull().default(false),
    /** Items in its queue that do not belong to our steps. */
    queueOthers: integer("queue_others").notNull().default(0),
    /** Turns may be granted: InvokeAI answers, and its models were read after it became reachable. */
    ready: boolean("ready").notNull().default(false),
    /** Why the whole line waits, as text for the user; null: it does not. */
    waitReason: text("wait_reason"),
    /** Why it is not connected; while connected, a warning about it. */
    lastError: text("last_error"),
    checkedAt: moment("checked_at"),
    modelsSyncedAt: moment("models_synced_at"),
    /** Digest of what the last sync wrote into `models` and `model_places`; a sync with the same digest writes no models. */
    modelsDigest: text("models_digest"),
  },
  (table) => [
    uniqueIndex("backends_in_force")
      .on(table.inForce)
      .where(sql`${table.inForce}`),
  ],
);

export type Backend = typeof backends.$inferSelect;
