import { t } from "elysia";
import { takesArchive } from "../../http/bodies/content-length";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { createModule } from "../../http/module";
import { zipDetail } from "../../http/responses/zip-answer";
import { sessionSchema } from "../generation/session-model";
import { exportSession } from "./export";
import { importSession } from "./import";

/** Export and import of sessions as archives. */
export function createSessionArchiveModule(deps: ApiDeps) {
  return createModule({
    name: "session-archive",
    prefix: "/api/v1/generation/sessions",
    tags: ["generation"],
  })
    .use(createIdempotency(deps))
    .get("/:id/export", ({ params }) => exportSession(deps, params.id), {
      params: t.Object({ id: t.String({ format: "uuid" }) }),
      response: faults(404, 409),
      detail: zipDetail(
        "A zip of a session: its images, and JSON with prompts, selections and lineage",
      ),
    })
    .post(
      "/import",
      async ({ incoming, once }) => {
        const { status, body } = await importSession(deps, incoming, once);
        return Response.json(body, { status });
      },
      {
        response: { 200: sessionSchema, 201: sessionSchema, ...faults(409, 413, 415, 422, 507) },
        createsOnce: true,
        detail: { ...takesArchive, ...importDetail },
      },
    );
}

/** The framework does not parse the body, which is read as a stream, so its schema is written here. */
const importDetail = {
  summary: "Import an exported session",
  description:
    "201 with the session. 200 if it exists already; then nothing is changed. The archive may have up to MAX_SESSION_ARCHIVE_SIZE bytes.",
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
