import { bigint, integer, pgTable, varchar } from "drizzle-orm/pg-core";

/** Recent attempts, such as passwords tried on a share link. The columns are those of rate-limiter-flexible. */
export const attemptCounts = pgTable("attempt_counts", {
  key: varchar("key", { length: 255 }).primaryKey(),
  points: integer("points").notNull().default(0),
  /** Milliseconds since 1970; null: never expires. */
  expire: bigint("expire", { mode: "bigint" }),
});
