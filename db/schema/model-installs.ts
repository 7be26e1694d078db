import { sql } from "drizzle-orm";
import {
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { among, moment } from "./columns";

export const modelInstallStatuses = [
  "pending",
  "processing",
  "completed",
  "failed",
  "cancelled",
] as const;
export type ModelInstallStatus = (typeof modelInstallStatuses)[number];
export const openInstallStatuses = ["pending", "processing"] as const;

/**
 * The install of a model by InvokeAI's installer, whose jobs it forgets when it stops: with another id it takes up those that
 * have not ended.
 */
export const modelInstalls = pgTable(
  "model_installs",
  {
    id: uuid("id").primaryKey(),
    /** A place's `model_list`: pods without a volume share one. */
    place: text("place").notNull(),
    /** As the installer takes it. */
    source: text("source").notNull(),
    status: text("status").$type<ModelInstallStatus>().notNull().default("pending"),
    /** The session whose pod must have the model (`backend.models`); null: the owner asked for it. */
    podSessionId: uuid("pod_session_id"),
    /** The place whose InvokeAI has its job; differs from `place` for a pod without a volume. */
    backend: text("backend"),
    /**
     * Set by the caller that wins the right to send it. While it is set and `jobId` is not, a job may exist or be about to:
     * it is looked for.
     */
    sentAt: moment("sent_at"),
    /** The number of times that the right to send it was claimed. */
    tries: integer("tries").notNull().default(0),
    /** InvokeAI's id of its job. */
    jobId: integer("job_id"),
    bytes: bigint("bytes", { mode: "number" }).notNull().default(0),
    /** null: not known yet. */
    totalBytes: bigint("total_bytes", { mode: "number" }),
    /** What it waits for or does, as text for the owner. */
    message: text("message"),
    /** Why it failed, or was cancelled by others. */
    error: text("error"),
    /** The key of the installed model at its place. */
    modelKey: text("model_key"),
    cancelRequestedAt: moment("cancel_requested_at"),
    createdAt: moment("created_at").notNull().defaultNow(),
    startedAt: moment("started_at"),
    completedAt: moment("completed_at"),
  },
  (table) => [
    check("model_installs_status", among(table.status, modelInstallStatuses)),
    check(
      "model_installs_end",
      sql`(${among(table.status, openInstallStatuses)}) = (${table.completedAt} is null)`,
    ),
    check(
      "model_installs_model",
      sql`${table.status} <> 'completed' or ${table.modelKey} is not null`,
    ),
    uniqueIndex("model_installs_one_open")
      .on(table.place, table.source)
      .where(among(table.status, openInstallStatuses)),
    index("model_installs_of_source").on(table.place, table.source, table.createdAt),
    index("model_installs_newest").on(table.createdAt, table.id),
  ],
);

export type ModelInstall = typeof modelInstalls.$inferSelect;

/** A model that InvokeAI offers to a new owner. */
export type StarterModel = {
  name: string;
  source: string;
  base: string;
  type: string;
  description: string;
  isInstalled: boolean;
  /** Sources of further models without which it does not work. */
  dependencies: string[];
};

/** Models that together are enough for a base. */
export type StarterBundle = { name: string; sources: string[] };

/** What the InvokeAI of each place offered when its models were last read. */
export const starterLists = pgTable("starter_lists", {
  /** A place's `model_list`. */
  place: text("place").primaryKey(),
  models: jsonb("models").$type<StarterModel[]>().notNull(),
  bundles: jsonb("bundles").$type<StarterBundle[]>().notNull(),
  readAt: moment("read_at").notNull(),
});

export type StarterList = typeof starterLists.$inferSelect;
