import { index, jsonb, pgTable, primaryKey, smallint, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** The first answer to each POST with an Idempotency-Key, kept for a day. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    route: text("route").notNull(),
    key: text("key").notNull(),
    /** SHA-256 over the request's canonical fields and file hashes. */
    fingerprint: text("fingerprint").notNull(),
    /** null until the first request is answered. */
    status: smallint("status"),
    body: jsonb("body").$type<unknown>(),
    /** The first request counts as running until then. */
    leaseUntil: moment("lease_until").notNull(),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.route, table.key] }),
    index("idempotency_keys_age").on(table.createdAt),
  ],
);
