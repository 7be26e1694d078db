import { t } from "elysia";
import { getPlaceInForce } from "#db/queries/backends/in-force";
import { findSessionView } from "#db/queries/generation/session-views";
import { listLiveStepViews, listStepViews } from "#db/queries/generation/step-views";
import { notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import type { EdgeLimits } from "../../http/edge-limits";
import { faults } from "../../http/error-body";
import { createModule } from "../../http/module";
import { sessionToWire } from "../generation/session-model";
import { stepStatusToWire } from "../generation/step-model";
import { answerStream } from "./answer";
import { createFeed } from "./feed";
import { describeKinds } from "./kinds";
import { streamEvents, type StreamRequest } from "./stream";

/** In a longer session, clients read the remaining steps from the list of steps. */
const stepsInSnapshot = 500;

const stream = {
  200: {
    description: "The events, until the client disconnects",
    content: {
      "text/event-stream": {
        schema: { type: "string" as const },
        example:
          'id: 17\nevent: photo.created\ndata: {"photo_id":"018f6d2c-7b1a-7c3e-9a51-3f2b8c4d5e6f","created_at":"2026-11-22T20:15:00.000Z"}\n\n',
      },
    },
  },
};

/** Event streams. */
export function createEventsModule(
  deps: ApiDeps,
  { keepAliveMs }: Pick<EdgeLimits, "keepAliveMs">,
) {
  const feed = createFeed(deps);
  const { db } = deps.database;

  function answer(request: Request, wanted: Pick<StreamRequest, "sessionId" | "snapshot">) {
    const lastEventId = request.headers.get("last-event-id");
    return answerStream(
      (signal) => streamEvents(deps, feed, { ...wanted, lastEventId, keepAliveMs, signal }),
      [request.signal, deps.closing],
    );
  }

  async function showSession(sessionId: string) {
    const session = await findSessionView(db, sessionId);
    const page = { afterPosition: null, limit: stepsInSnapshot, offset: 0 };
    const steps = await listStepViews(db, { sessionId, ...page });
    return {
      session: session && sessionToWire(session, (id) => deps.temporal.workflowUrl(id)),
      steps: steps.map((step) => stepStatusToWire(step, deps.config.timeZone)),
    };
  }

  async function showEverything() {
    const { connected } = await getPlaceInForce(db);
    const steps = await listLiveStepViews(db);
    return {
      backend: { connected },
      steps: steps.map((step) => stepStatusToWire(step, deps.config.timeZone)),
    };
  }

  return createModule({ name: "events", prefix: "/api/v1", tags: ["events"] })
    .get(
      "/generation/sessions/:id/events",
      async ({ params, request }) => {
        if (!(await findSessionView(db, params.id))) throw notFound("session");
        const snapshot = () => showSession(params.id);
        return answer(request, { sessionId: params.id, snapshot });
      },
      {
        params: t.Object({ id: t.String({ format: "uuid" }) }),
        response: faults(404),
        detail: {
          responses: stream,
          summary: "Events of a session, as server-sent events",
          description: `A new client gets a \`snapshot\`, then each event as it happens. A client that sends \`Last-Event-ID\` gets the events since then. Events are kept for 7 days; if the id is older, the client gets \`reset\` and a snapshot. \`step.progress\` has no id. The \`data\` of the following events has \`session_id\`, \`created_at\` and:\n\n${describeKinds("session", "step", "photo")}`,
        },
      },
    )
    .get(
      "/events",
      ({ request }) => answer(request, { sessionId: null, snapshot: showEverything }),
      {
        detail: {
          responses: stream,
          summary: "All events, as server-sent events",
          description: `Events of photos, sessions, steps, imports, installs of models, backups, moves of the storage, the backend and rented pods. They have the form of a session's stream; \`session_id\` is absent if the event belongs to no session. The events that a session's stream does not have:\n\n${describeKinds("import", "model", "backup", "storage", "backend", "pod")}`,
        },
      },
    );
}
