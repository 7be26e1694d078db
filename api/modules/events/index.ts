import { Elysia, t } from "elysia";
import { findBackend } from "#db/queries/backends";
import {
  findSessionView,
  findStepView,
  listLiveSteps,
  listStepViews,
} from "#db/queries/generation-views";
import { notFound } from "#errors";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { sessionToWire } from "../generation/session-model";
import { stepStatusToWire } from "../generation/step-model";
import { answerStream } from "./answer";
import { createFeed } from "./feed";
import { describeKinds } from "./kinds";
import { streamEvents, type StreamRequest } from "./stream";

/** A client of a longer session reads the rest of its steps from their list. */
const stepsInSnapshot = 500;

const stream = {
  200: {
    description: "The events, as long as the client stays",
    content: {
      "text/event-stream": {
        schema: { type: "string" as const },
        example:
          'id: 17\nevent: photo.created\ndata: {"photo_id":"018f6d2c-7b1a-7c3e-9a51-3f2b8c4d5e6f","created_at":"2026-11-22T20:15:00.000Z"}\n\n',
      },
    },
  },
};

/** What happens, as it happens. */
export function createEventsModule(deps: ApiDeps) {
  const feed = createFeed(deps);
  const { db } = deps.database;

  function answer(request: Request, wanted: Pick<StreamRequest, "sessionId" | "snapshot">) {
    const lastEventId = request.headers.get("last-event-id");
    return answerStream(
      (signal) => streamEvents(deps, feed, { ...wanted, lastEventId, signal }),
      [request.signal, deps.closing],
    );
  }

  async function showSession(sessionId: string) {
    const session = await findSessionView(db, sessionId);
    const page = { afterPosition: null, limit: stepsInSnapshot, offset: 0 };
    const steps = await listStepViews(db, { sessionId, ...page });
    return {
      session: session && sessionToWire(session, (id) => deps.temporal.workflowUrl(id)),
      steps: steps.map(stepStatusToWire),
    };
  }

  async function showEverything() {
    const backend = await findBackend(db, "local");
    const live = await listLiveSteps(db, "all");
    const steps = await Promise.all(live.map(({ id }) => findStepView(db, id)));
    return {
      backend: { connected: backend?.connected ?? false },
      steps: steps.filter((step) => step !== undefined).map(stepStatusToWire),
    };
  }

  return new Elysia({ name: "events", prefix: "/api/v1", normalize: false, tags: ["events"] })
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
          summary: "What happens in a session, as server-sent events",
          description: `New here: a \`snapshot\`, then what follows. With \`Last-Event-ID\`: all that was missed, for 7 days; older, \`reset\` and a snapshot. \`step.progress\` comes without an id. The \`data\` of each has \`session_id\`, \`created_at\` and:\n\n${describeKinds("session", "step", "photo")}`,
        },
      },
    )
    .get(
      "/events",
      ({ request }) => answer(request, { sessionId: null, snapshot: showEverything }),
      {
        detail: {
          responses: stream,
          summary: "What happens anywhere, as server-sent events",
          description: `Photos, sessions, steps, imports and the backend, told in the same way as in a session's stream; \`session_id\` where there is one. Besides those of a session:\n\n${describeKinds("import", "backend")}`,
        },
      },
    );
}
