import { t } from "elysia";
import { sessionCost, toDollars, toMicros } from "#db/pod-costs";
import { getSettings } from "#db/queries/installation/settings";
import { requestPodStart, requestPodStop } from "#db/queries/pods/requests";
import { findUsualBoot } from "#db/queries/pods/demand";
import { readPodSpending } from "#db/queries/pods/spending";
import { type PodSession, podStatuses } from "#db/schema/pod-sessions";
import type { ApiDeps } from "../../deps";
import { oneOf } from "../../fields/one-of";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { podError, requireKey } from "./changes";
import { billedMs, podStatus } from "./pod-model";

/** Until this gallery has seen pods start. */
const usualBootMs = 300_000;

const startedSchema = t.Object({
  pod_id: t.Optional(t.String({ description: "RunPod's id; absent until the pod exists" })),
  status: podStatus,
  estimated_startup_seconds: t.Integer({
    minimum: 0,
    description: "Until InvokeAI on it is ready",
  }),
});

const stoppedSchema = t.Object({
  pod_id: t.Nullable(t.String()),
  status: oneOf(["none", ...podStatuses], { description: "none: no pod is rented" }),
  session_seconds: t.Integer({ minimum: 0 }),
  session_cost_usd: t.Number({ description: "So far; it is billed until it has ended" }),
});

/** Requests for the start and the end of a pod. They write rows; the worker calls RunPod. */
export function createPodRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  async function start(id: string) {
    const settings = await getSettings(db, deps.config);
    if (settings["backend.mode"] === "local") {
      throw podError(
        "The mode is local, so no GPU is rented; switch with POST /api/v1/backend/mode first.",
      );
    }
    const now = deps.now();
    const { monthMicros } = await readPodSpending(db, { now, timeZone: deps.config.timeZone });
    const limit = toMicros(settings["backend.max_month_cost_usd"]);
    if (limit !== null && monthMicros >= limit) {
      throw podError(
        "This month's budget is used; raise backend.max_month_cost_usd to rent a GPU.",
      );
    }
    const session = await requestPodStart(db, {
      id,
      volumeId: settings["backend.volume_id"],
      diskGb: settings["backend.disk_gb"],
      now,
    });
    await deps.temporal.backendChanged();
    return {
      ...(session.podId !== null && { pod_id: session.podId }),
      status: session.status,
      estimated_startup_seconds: await estimateStartup(session, now),
    };
  }

  async function estimateStartup(session: PodSession, now: Date): Promise<number> {
    if (session.status === "ready") return 0;
    const usualMs = (await findUsualBoot(db)) ?? usualBootMs;
    const isStarting = ["creating", "booting", "provisioning"].includes(session.status);
    const passedMs = isStarting ? billedMs(session, now) : 0;
    return Math.max(Math.round((usualMs - passedMs) / 1_000), 0);
  }

  return createModule({ prefix: "/api/v1/backend", tags: ["backend"] })
    .use(createIdempotency(deps))
    .post(
      "/pod/start",
      async ({ once, status }) => {
        requireKey(deps);
        const answer = await once.answer({}, async (id) => ({
          status: 202,
          body: await start(id),
        }));
        return status(202, answer.body);
      },
      {
        response: { 202: startedSchema, ...faults(409) },
        createsOnce: true,
        detail: {
          summary: "Rent a GPU now, before something needs it",
          description:
            "Repeating it changes nothing. While a pod is ending, another one follows. 409 `pod_error`: without RUNPOD_API_KEY, with mode `local`, or when the month's budget is used.",
        },
      },
    )
    .post(
      "/pod/stop",
      async ({ status }) => {
        requireKey(deps);
        const now = deps.now();
        const session = await requestPodStop(db, { now });
        if (!session) {
          const none = { pod_id: null, session_seconds: 0, session_cost_usd: 0 };
          return status(202, { ...none, status: "none" as const });
        }
        await deps.temporal.backendChanged();
        return status(202, {
          pod_id: session.podId,
          status: session.status,
          session_seconds: Math.floor(billedMs(session, now) / 1_000),
          session_cost_usd: toDollars(sessionCost(session, now)),
        });
      },
      {
        response: { 202: stoppedSchema, ...faults(409) },
        detail: {
          summary: "End the rented pod",
          description:
            "Repeating it changes nothing. Images that exist are fetched first, for at most five minutes; a running step ends with them. The pod is billed until `GET /status` no longer shows it.",
        },
      },
    );
}
