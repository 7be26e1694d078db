import { pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";

/** Running workers, and those that stopped within a day; one row a process. */
export const workers = pgTable("workers", {
  id: uuid("id").primaryKey(),
  host: text("host").notNull(),
  /** See `WORKER_ROLES`. */
  roles: text("roles").array().notNull(),
  /** Folders of its machine that it imports from. */
  importRoots: text("import_roots").array().notNull(),
  /** When it last reached both Postgres and Temporal, by the clock of Postgres. */
  seenAt: moment("seen_at").notNull().defaultNow(),
});
