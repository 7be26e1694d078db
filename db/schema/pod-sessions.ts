import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from "drizzle-orm/pg-core";
import { among, moment } from "./columns";

export const livePodStatuses = [
  "creating",
  "booting",
  "provisioning",
  "ready",
  "draining",
  "terminating",
] as const;
/** No pod of the session runs. `failed`: it ended before it was ready, and nobody had asked for its end. */
export const finalPodStatuses = ["ended", "failed"] as const;
export const podStatuses = [...livePodStatuses, ...finalPodStatuses] as const;
export type PodStatus = (typeof podStatuses)[number];

export const podEndReasons = [
  "idle",
  "stopped",
  "mode_local",
  "unwanted",
  "max_hours",
  "session_budget",
  "month_budget",
  "boot_timeout",
  "unresponsive",
  "unknown_administrator",
  "lost",
  "exited",
  "broken",
  "refused",
  "key",
  "balance",
  "order",
] as const;
export type PodEndReason = (typeof podEndReasons)[number];

/** A GPU type in a data centre that the provider refused, and its words. */
export type PodRefusal = { gpuType: string; dataCenter: string | null; detail: string };

/**
 * One rented pod, from the request until it is proven that it no longer runs. Written before and after each call to the
 * provider, so that any worker can continue from the row. Money is in micro-dollars.
 */
export const podSessions = pgTable(
  "pod_sessions",
  {
    id: uuid("id").primaryKey(),
    /** The InvokeAI that runs on it: `volume:<id of the volume>`, else `pod:<id of this row>`. */
    place: text("place").notNull(),
    volumeId: text("volume_id"),
    status: text("status").$type<PodStatus>().notNull().default("creating"),
    statusSince: moment("status_since").notNull(),
    requestedAt: moment("requested_at").notNull(),
    /** The owner asked for a pod; otherwise work did. */
    isExplicit: boolean("is_explicit").notNull().default(false),

    /** The number of creates claimed so far. */
    attempt: integer("attempt").notNull().default(0),
    /** The name of the create that is out, or that made the pod. Each create that may have reached the provider has its own. */
    podName: text("pod_name"),
    /**
     * Set by the caller that wins the right to send the create; cleared by an answer that proves that no pod was made. While
     * it is set and `podId` is not, a pod of this name may exist.
     */
    createSentAt: moment("create_sent_at"),
    /** The candidate of the create that is out, or that made the pod. */
    gpuType: text("gpu_type"),
    dataCenter: text("data_center"),
    diskGb: integer("disk_gb").notNull(),
    /** In the provider's order of answers. */
    refusals: jsonb("refusals").$type<PodRefusal[]>().notNull().default([]),
    podId: text("pod_id"),
    /** From when the provider bills it: when the create was sent. */
    madeAt: moment("made_at"),
    /** When the provider last reported the pod. */
    seenAt: moment("seen_at"),
    /** When InvokeAI last answered on it. */
    answeredAt: moment("answered_at"),
    readyAt: moment("ready_at"),
    /** Since when no turn is held or wanted on it; of a pod that ends: since when none is granted. */
    idleSince: moment("idle_since"),
    stopRequestedAt: moment("stop_requested_at"),
    /** A pod was asked for while this one was ending. */
    startAgain: boolean("start_again").notNull().default(false),
    /** The session whose pod did not boot and that this one replaces, once. */
    replaces: uuid("replaces"),
    deleteAcceptedAt: moment("delete_accepted_at"),
    endedAt: moment("ended_at"),
    endReason: text("end_reason").$type<PodEndReason>(),

    /** What happens now, or why it ended, as text for the owner. */
    phaseMessage: text("phase_message"),
    /** Why the provider could not be asked, as text for the owner; null: it could. */
    lastError: text("last_error"),
    /** The last line of the provider's log of a pod that did not boot. */
    lastLogLine: text("last_log_line"),

    hourlyMicros: bigint("hourly_micros", { mode: "number" }),
    /** The provider states no rate: that of the dearest candidate counts. */
    rateIsEstimate: boolean("rate_is_estimate").notNull().default(true),
    /** Final cost; null while it is live. */
    costMicros: bigint("cost_micros", { mode: "number" }),
    costSource: text("cost_source").$type<"estimate" | "billed">().notNull().default("estimate"),
    /** When the provider was last asked for the bill of the ended session. */
    billCheckedAt: moment("bill_checked_at"),
    /** The last threshold that an event was written for. */
    warned: text("warned").array().notNull().default([]),
  },
  (table) => [
    check("pod_sessions_status", among(table.status, podStatuses)),
    check("pod_sessions_end_reason", among(table.endReason, podEndReasons)),
    check(
      "pod_sessions_end",
      sql`(${among(table.status, finalPodStatuses)}) = (${table.endedAt} is not null)`,
    ),
    check(
      "pod_sessions_pod",
      sql`${table.podId} is null or (${table.podName} is not null and ${table.madeAt} is not null and ${table.hourlyMicros} is not null)`,
    ),
    check("pod_sessions_cost_source", among(table.costSource, ["estimate", "billed"])),
    uniqueIndex("pod_sessions_one_live")
      .on(sql`(true)`)
      .where(sql`not (${among(table.status, finalPodStatuses)})`),
    index("pod_sessions_newest").on(table.requestedAt, table.id),
    index("pod_sessions_unbilled")
      .on(table.endedAt)
      .where(sql`${table.costSource} = 'estimate' and ${table.endedAt} is not null`),
  ],
);

export type PodSession = typeof podSessions.$inferSelect;

/**
 * The time of a session that a turn took. Never changed. No foreign keys to steps and photos: what was paid outlives what was
 * deleted.
 */
export const podWork = pgTable(
  "pod_work",
  {
    sessionId: uuid("session_id")
      .notNull()
      .references(() => podSessions.id),
    /** The number of the turn. */
    turn: bigint("turn", { mode: "number" }).notNull(),
    stepId: uuid("step_id"),
    /** The photo that was reproduced; null for a step. */
    photoId: uuid("photo_id"),
    from: moment("from_time").notNull(),
    to: moment("to_time").notNull(),
    micros: bigint("micros", { mode: "number" }).notNull(),
  },
  (table) => [
    primaryKey({ columns: [table.sessionId, table.turn, table.from] }),
    index("pod_work_step")
      .on(table.stepId)
      .where(sql`${table.stepId} is not null`),
    check("pod_work_owner", sql`num_nonnulls(${table.stepId}, ${table.photoId}) = 1`),
    check("pod_work_time", sql`${table.to} >= ${table.from} and ${table.micros} >= 0`),
  ],
);

export type PodWork = typeof podWork.$inferSelect;
