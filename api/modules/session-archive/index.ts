import { Elysia, t } from "elysia";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { createsOnce } from "../../idempotency";
import { zipDetail } from "../../zip-answer";
import { sessionSchema } from "../generation/session-model";
import { exportSession } from "./export";
import { importSession } from "./import";

/** Sessions as archives: out of one installation and into another. */
export function createSessionArchiveModule(deps: ApiDeps) {
  return new Elysia({
    name: "session-archive",
    prefix: "/api/v1/generation/sessions",
    normalize: false,
    tags: ["generation"],
  })
    .get("/:id/export", ({ params }) => exportSession(deps, params.id), {
      params: t.Object({ id: t.String({ format: "uuid" }) }),
      response: faults(404, 409),
      detail: zipDetail("A zip of a session: its images, and prompts, picks and lineage as JSON"),
    })
    .post(
      "/import",
      async ({ request }) => {
        const { status, body } = await importSession(deps, request);
        return Response.json(body, { status });
      },
      {
        response: { 200: sessionSchema, 201: sessionSchema, ...faults(409, 413, 415, 422, 507) },
        detail: { ...createsOnce, ...importDetail },
      },
    );
}

/** The body is read as a stream, past the framework: what it looks like is written here. */
const importDetail = {
  summary: "Bring an exported session back",
  description:
    "201 with the session; 200 when it is here already, and nothing is changed. Up to MAX_SESSION_ARCHIVE_SIZE bytes.",
  requestBody: {
    required: true,
    content: {
      "multipart/form-data": {
        schema: {
          type: "object" as const,
          required: ["file"],
          properties: { file: { type: "string" as const, format: "binary" } },
        },
      },
    },
  },
};
