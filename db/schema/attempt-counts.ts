import { bigint, integer, pgTable, varchar } from "drizzle-orm/pg-core";

/** How often something was tried of late, such as the passwords of a link; the shape is rate-limiter-flexible's. */
export const attemptCounts = pgTable("attempt_counts", {
  key: varchar("key", { length: 255 }).primaryKey(),
  points: integer("points").notNull().default(0),
  /** Milliseconds since 1970; null: never. */
  expire: bigint("expire", { mode: "bigint" }),
});
