import { type Static, t } from "elysia";
import { sessionCost, toDollars } from "#db/pod-costs";
import type { PodSessionView } from "#db/queries/pods/session-views";
import { podEndReasons, type PodSession, podStatuses } from "#db/schema/pod-sessions";
import type { SettingValues } from "#db/settings";
import { oneOf } from "../../fields/one-of";
import { stopsAt } from "./stops-at";

const moment = t.String({ format: "date-time" });
const usd = t.Number({ description: "US dollars" });
const seconds = t.Number({ minimum: 0 });

const facts = {
  gpu: t.Nullable(t.String({ description: "GPU type; null: none is chosen yet" })),
  hourly_rate_usd: t.Nullable(usd),
  rate_is_estimate: t.Boolean({
    description: "RunPod states no rate: that of the dearest wanted GPU counts",
  }),
  name: t.Nullable(t.String({ description: "The pod's name in RunPod's console" })),
  data_center: t.Nullable(t.String()),
};

export const podStatus = oneOf(podStatuses);

export const podSchema = t.Object(
  {
    id: t.Nullable(t.String({ description: "RunPod's id; null: no pod is known yet" })),
    status: podStatus,
    ...facts,
    phase_message: t.String({ description: "What happens now, or why there is no pod" }),
    started_at: t.Nullable(t.String({ format: "date-time", description: "Billed since then" })),
    ready_at: t.Optional(moment),
    idle_seconds: t.Integer({ minimum: 0, description: "Without work; 0 while it has work" }),
    stops_at: t.Nullable(
      t.String({
        format: "date-time",
        description: "When it ends, as things stand: idle time, longest time or a budget",
      }),
    ),
    session_cost_usd: usd,
  },
  { title: "Pod" },
);

export const podSessionSchema = t.Object(
  {
    id: t.String({ format: "uuid" }),
    pod_id: t.Nullable(t.String()),
    status: podStatus,
    ...facts,
    volume_id: t.Nullable(t.String()),
    requested_at: moment,
    started_at: t.Nullable(moment),
    ready_at: t.Optional(moment),
    ended_at: t.Optional(moment),
    reason: t.Optional(oneOf(podEndReasons, { description: "Why it ended" })),
    message: t.Optional(t.String({ description: "What happens now, or why it ended" })),
    seconds,
    cost_usd: usd,
    overhead_usd: t.Number({
      description:
        "The part of cost_usd that belongs to no step: start, models, idle time. Below 0 when RunPod billed less than was counted",
    }),
    cost_source: oneOf(["estimate", "billed"]),
    steps: t.Integer({ minimum: 0, description: "Steps that used it" }),
    pictures: t.Integer({ minimum: 0, description: "Images that it generated" }),
  },
  { title: "PodSession" },
);

/** How long a session has been billed. */
export function billedMs({ madeAt, endedAt }: PodSession, now: Date): number {
  return madeAt === null ? 0 : Math.max((endedAt ?? now).getTime() - madeAt.getTime(), 0);
}

function factsToWire(session: PodSession) {
  return {
    gpu: session.gpuType,
    hourly_rate_usd: session.hourlyMicros === null ? null : toDollars(session.hourlyMicros),
    rate_is_estimate: session.hourlyMicros !== null && session.rateIsEstimate,
    name: session.podName,
    data_center: session.dataCenter,
  };
}

/** What happens with a session's pod now, for the owner. */
export const phaseOf = (session: PodSession): string =>
  session.phaseMessage ?? "Waiting for the worker.";

/** @param monthMicros what this month has cost so far, in micro-dollars */
export function podToWire(
  session: PodSession,
  known: { settings: SettingValues; monthMicros: number; now: Date },
): Static<typeof podSchema> {
  const { idleSince } = session;
  const idleMs = idleSince === null ? 0 : known.now.getTime() - idleSince.getTime();
  return {
    id: session.podId,
    status: session.status,
    ...factsToWire(session),
    phase_message: phaseOf(session),
    started_at: session.madeAt?.toISOString() ?? null,
    ...(session.readyAt && { ready_at: session.readyAt.toISOString() }),
    idle_seconds: Math.max(Math.floor(idleMs / 1_000), 0),
    stops_at: stopsAt(session, known)?.toISOString() ?? null,
    session_cost_usd: toDollars(sessionCost(session, known.now)),
  };
}

export function podSessionToWire(view: PodSessionView, now: Date): Static<typeof podSessionSchema> {
  const micros = sessionCost(view, now);
  return {
    id: view.id,
    pod_id: view.podId,
    status: view.status,
    ...factsToWire(view),
    volume_id: view.volumeId,
    requested_at: view.requestedAt.toISOString(),
    started_at: view.madeAt?.toISOString() ?? null,
    ...(view.readyAt && { ready_at: view.readyAt.toISOString() }),
    ...(view.endedAt && { ended_at: view.endedAt.toISOString() }),
    ...(view.endReason !== null && { reason: view.endReason }),
    ...(view.phaseMessage !== null && { message: view.phaseMessage }),
    seconds: billedMs(view, now) / 1_000,
    cost_usd: toDollars(micros),
    overhead_usd: toDollars(micros - view.workMicros),
    cost_source: view.costSource,
    steps: view.steps,
    pictures: view.pictures,
  };
}
