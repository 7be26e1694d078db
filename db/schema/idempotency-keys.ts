import { index, jsonb, pgTable, primaryKey, smallint, text } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** The first answer to each keyed POST, kept for a day. */
export const idempotencyKeys = pgTable(
  "idempotency_keys",
  {
    route: text("route").notNull(),
    key: text("key").notNull(),
    /** SHA-256 of the request's meaning: canonical fields and file hashes. */
    fingerprint: text("fingerprint").notNull(),
    /** null while the first request is still being answered. */
    status: smallint("status"),
    body: jsonb("body").$type<unknown>(),
    /** Until then the first request is taken to be alive. */
    leaseUntil: moment("lease_until").notNull(),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [
    primaryKey({ columns: [table.route, table.key] }),
    index("idempotency_keys_age").on(table.createdAt),
  ],
);
