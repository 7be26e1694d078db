import { t } from "elysia";
import {
  countSessions,
  listSessionViews,
  type SessionView,
} from "#db/queries/generation/session-views";
import { invalid } from "#errors";
import { timeKeys, parseTimeKeys } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { listOf, pageOf, pageQuery, answerList } from "../../lists/lists";
import { createModule } from "../../http/module";
import { tidyTitle } from "../../fields/text";
import {
  sessionBody,
  sessionChange,
  sessionSchema,
  sessionStatus,
  sessionToWire,
} from "./session-model";
import { toSchedule } from "./schedule-model";
import { changeSessionSchedule, isEmpty } from "./schedules";
import { changeSession, deleteSession, openSession } from "./sessions";
import { showSession } from "./show-session";

const byId = t.Object({ id: t.String({ format: "uuid" }) });
const sessionsPerPage = 20;

/** Routes that open, list, change and delete sessions. */
export function createSessionRoutes(deps: ApiDeps) {
  const { db } = deps.database;

  const show = (view: SessionView) =>
    sessionToWire(view, (workflowId) => deps.temporal.workflowUrl(workflowId));

  return createModule({ prefix: "/api/v1/generation", tags: ["generation"] })
    .use(createIdempotency(deps))
    .post(
      "/sessions",
      async ({ body, once, status }) => {
        const wanted = {
          entryType: body.entry_type,
          sourceImageId: body.source_image_id ?? null,
          title: tidyTitle(body.title ?? null),
          schedule: toSchedule(body, deps.now()),
        };
        const answer = await once.answer(wanted, async (id) => {
          await openSession(deps, { id, ...wanted });
          return { status: 201, body: await showSession(deps, id) };
        });
        return status(201, answer.body);
      },
      {
        body: sessionBody,
        response: { 201: sessionSchema, ...faults(404, 409) },
        createsOnce: true,
        detail: { summary: "Open a session" },
      },
    )
    .get(
      "/sessions",
      async ({ query, request }) => {
        const page = pageOf(query, sessionsPerPage);
        const filter = query.status ?? null;
        return answerList(request, page, {
          item: sessionSchema,
          scope: ["sessions", filter],
          parseKeys: parseTimeKeys,
          rows: (part) => listSessionViews(db, { status: filter, ...part }),
          keysOf: ({ startedAt: at, id }) => timeKeys({ at, id }),
          count: () => countSessions(db, filter),
          toWire: show,
        });
      },
      {
        query: t.Object({ ...pageQuery(sessionsPerPage), status: t.Optional(sessionStatus) }),
        response: { 200: listOf(sessionSchema) },
        detail: { summary: "Sessions, newest first" },
      },
    )
    .get("/sessions/:id", ({ params }) => showSession(deps, params.id), {
      params: byId,
      response: { 200: sessionSchema, ...faults(404) },
      detail: { summary: "A session" },
    })
    .patch(
      "/sessions/:id",
      async ({ params, body }) => {
        if (body.discard_unselected && body.status === undefined) {
          throw invalid("Images are discarded when a session is closed; send status as well.", [
            { path: "discard_unselected", message: "only together with status" },
          ]);
        }
        const schedule = toSchedule(body, deps.now());
        if (body.status !== undefined && !isEmpty(schedule)) {
          throw invalid("Close the session, or change when its steps run.", [
            { path: "status", message: "not together with priority, not_before, window" },
          ]);
        }
        if (!isEmpty(schedule)) await changeSessionSchedule(deps, params.id, schedule);
        await changeSession(deps, params.id, {
          status: body.status,
          title: body.title === undefined ? undefined : tidyTitle(body.title),
          discardUnselected: body.discard_unselected ?? false,
        });
        return showSession(deps, params.id);
      },
      {
        params: byId,
        body: sessionChange,
        response: { 200: sessionSchema, ...faults(400, 404, 409) },
        detail: {
          summary: "Rename, complete or abandon a session, or change when its waiting steps run",
        },
      },
    )
    .delete(
      "/sessions/:id",
      async ({ params, set }) => {
        await deleteSession(deps, params.id);
        set.status = 204;
      },
      {
        params: byId,
        response: { 204: t.Void(), ...faults(404) },
        detail: {
          summary: "Delete a session and its steps",
          description:
            "Running steps are cancelled. Images go to the trash, unless they are selected, a favourite, in an album, shared, or the source of another image.",
        },
      },
    );
}
