import { type Static, t } from "elysia";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { getSettings } from "#db/queries/installation/settings";
import { listPodSessions } from "#db/queries/pods/sessions";
import { readPodSpending } from "#db/queries/pods/spending";
import { finalPodStatuses, type PodSession } from "#db/schema/pod-sessions";
import type { ApiDeps } from "../../deps";
import { oneOf } from "../../fields/one-of";
import { withoutCredentials } from "../../http/without-credentials";
import { phaseOf, podSchema, podToWire } from "./pod-model";

export const statusSchema = t.Object({
  mode: oneOf(["local", "remote"]),
  url: t.Optional(t.String({ description: "With mode local: where InvokeAI answers" })),
  connected: t.Boolean(),
  api_version: t.Optional(t.String()),
  checked_at: t.Optional(t.String({ format: "date-time" })),
  queue: t.Object({
    pending: t.Integer(),
    in_progress: t.Integer(),
    paused: t.Optional(
      t.Boolean({ description: "true: nothing starts until the queue is resumed in InvokeAI" }),
    ),
  }),
  pod: t.Optional(podSchema),
  exposure: t.Optional(
    t.String({ description: "What anybody on the internet can reach of the pod" }),
  ),
  last_error: t.Optional(
    t.String({
      description:
        "Why InvokeAI is not connected or what is wrong with the rented pod, and what to do.",
    }),
  ),
  warning: t.Optional(
    t.String({
      description: "Present while the version of the connected InvokeAI is not a tested one.",
    }),
  ),
});

/** The address of a pod is not shown: RunPod's proxy serves it to anybody, and the gallery alone needs it. */
export async function showStatus(deps: ApiDeps): Promise<Static<typeof statusSchema>> {
  const { db } = deps.database;
  const now = deps.now();
  const [backend, settings, [newest], { monthMicros }] = await Promise.all([
    getPlaceInForce(db),
    getSettings(db, deps.config),
    listPodSessions(db, { limit: 1 }),
    readPodSpending(db, { now, timeZone: deps.config.timeZone }),
  ]);
  const mode = settings["backend.mode"];
  const session = newest && isShown(newest, mode) ? newest : undefined;
  const podError = session && podFault(session, deps.config.pods.canRent);
  const { lastError: placeError, connected } = backend;
  // What was recorded of the place is older than the state of a pod that starts or ends.
  const isChanging = mode === "remote" && session !== undefined && session.status !== "ready";
  const absence = isChanging ? phaseOf(session) : placeError;
  const error = podError ?? (connected ? undefined : absence);
  return {
    mode,
    ...(mode === "local" && { url: withoutCredentials(settings["backend.local_url"]) }),
    connected,
    ...(backend.apiVersion !== null && { api_version: backend.apiVersion }),
    ...(backend.checkedAt && { checked_at: backend.checkedAt.toISOString() }),
    queue: {
      pending: backend.queuePending ?? 0,
      in_progress: backend.queueInProgress ?? 0,
      ...(connected && { paused: backend.queuePaused }),
    },
    ...(session && { pod: podToWire(session, { settings, monthMicros, now }) }),
    ...(session && isReachable(session) && { exposure }),
    ...(error && { last_error: error }),
    ...(connected && placeError !== null && { warning: placeError }),
  };
}

const isFinal = ({ status }: PodSession) =>
  (finalPodStatuses as readonly string[]).includes(status);

/** A live session, or the reason why the last attempt to rent failed. */
function isShown(session: PodSession, mode: "local" | "remote"): boolean {
  return !isFinal(session) || (mode === "remote" && session.status === "failed");
}

const isReachable = (session: PodSession) => !isFinal(session) && session.podId !== null;

const exposure =
  "RunPod's proxy serves ports 9090 and 9091 of the pod to anybody who has its address. Without login, InvokeAI on port 9090 shows its page, its version and its API document; models, images and the queue require the account that this gallery created. Port 9091 accepts only this gallery's token.";

/** What is wrong with a session, and what to do. */
function podFault(session: PodSession, canRent: boolean): string | undefined {
  if (session.status === "failed") return session.phaseMessage ?? undefined;
  if (!canRent && session.createSentAt !== null) {
    const which = session.podId === null ? `named ${session.podName}` : session.podId;
    return `A pod may be running, and without RUNPOD_API_KEY it cannot be ended. Set the key and restart, or end the pod ${which} at https://console.runpod.io/pods.`;
  }
  return session.lastError ?? undefined;
}
