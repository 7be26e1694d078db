import { bigint, index, jsonb, pgTable, text, uuid } from "drizzle-orm/pg-core";
import { moment } from "./columns";

export type EventType =
  | "session.created"
  | "session.completed"
  | "session.abandoned"
  | "session.deleted"
  | "step.requested"
  | "step.started"
  | "step.completed"
  | "step.failed"
  | "step.cancelled"
  | "step.selected"
  | "photo.created"
  | "photo.trashed"
  | "photo.restored"
  | "photo.purged"
  | "photo.retrieved"
  | "photo.retrieval_failed"
  | "photo.retrieval_retried"
  | "photo.reproduced"
  | "import.requested"
  | "import.started"
  | "import.progress"
  | "import.completed"
  | "import.failed"
  | "import.cancelled"
  | "backend.changed";

/** Transitions only. Ids become visible in order: they are drawn under one lock, last in their transaction. */
export const events = pgTable(
  "events",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    type: text("type").$type<EventType>().notNull(),
    /** null: not of a session. No foreign key: an event outlives what it tells of. */
    sessionId: uuid("session_id"),
    data: jsonb("data").$type<Record<string, unknown>>().notNull(),
    createdAt: moment("created_at").notNull().defaultNow(),
  },
  (table) => [
    index("events_session").on(table.sessionId, table.id),
    index("events_age").on(table.createdAt),
  ],
);

export type EventRow = typeof events.$inferSelect;
