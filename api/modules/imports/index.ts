import { Elysia, t } from "elysia";
import {
  countImports,
  findImport,
  insertImport,
  listImportFaults,
  listImports,
  requestImportCancel,
} from "#db/queries/imports";
import type { PhotoImport } from "#db/schema/imports";
import { AppError, conflict, notFound } from "#errors";
import { resolveImportFolder } from "#media/import-folder";
import { photoImportId } from "#workflows/photo-import/contract";
import { timeKeys, timePlace } from "../../cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../error-body";
import { answerOnce, createsOnce, fingerprintOf, idempotencyKeyOf } from "../../idempotency";
import { answerJson, listBody, listOf, pageOf, pageQuery, readPage } from "../../lists";
import { importBody, importParams, importSchema, importSummarySchema, importToWire } from "./model";

const maxErrors = 10_000;

/** Imports of folders on the server. */
export function createImportsModule(deps: ApiDeps) {
  const { db } = deps.database;
  const toWire = (row: PhotoImport) =>
    importToWire(row, deps.temporal.workflowUrl(photoImportId(row.id)));

  async function show(id: string) {
    const row = await findImport(db, id);
    if (!row) throw notFound("import");
    const errors = await listImportFaults(db, { importId: id, limit: maxErrors });
    return { ...toWire(row), errors };
  }

  async function resolvePath(path: string): Promise<string> {
    const folder = await resolveImportFolder(deps.config.importRoots, path);
    if (folder.state === "allowed") return folder.path;
    throw folder.state === "outside" ? outside() : missing();
  }

  return new Elysia({
    name: "imports",
    prefix: "/api/v1/photos",
    normalize: false,
    tags: ["photos"],
  })
    .post(
      "/import",
      async ({ body, request, status }) => {
        const wanted = { path: body.path, makesAlbums: body.albums ?? false };
        const answer = await answerOnce(
          deps,
          {
            route: "POST /api/v1/photos/import",
            key: idempotencyKeyOf(request),
            fingerprint: fingerprintOf(wanted),
          },
          async (id) => {
            const path = await resolvePath(wanted.path);
            await insertImport(db, { ...wanted, id, path });
            await deps.temporal.importRequested(id);
            return { status: 202, body: await show(id) };
          },
        );
        return status(202, answer.body as typeof importSchema.static);
      },
      {
        body: importBody,
        response: { 202: importSchema, ...faults(403, 404, 409) },
        detail: { ...createsOnce, summary: "Import a folder on the server" },
      },
    )
    .get(
      "/imports",
      async ({ query, request }) => {
        const page = pageOf(query);
        const imports = await readPage(page, {
          scope: ["imports"],
          placeOf: timePlace,
          rows: (part) => listImports(db, part),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countImports(db),
        });
        return answerJson(request, listBody(page, imports, imports.rows.map(toWire)));
      },
      {
        query: t.Object(pageQuery()),
        response: { 200: listOf(importSummarySchema) },
        detail: { summary: "Imports, newest first" },
      },
    )
    .get("/imports/:id", ({ params }) => show(params.id), {
      params: importParams,
      response: { 200: importSchema, ...faults(404) },
      detail: { summary: "An import, with what it left out and why" },
    })
    .post(
      "/imports/:id/cancel",
      async ({ params, status }) => {
        const isAsked = await requestImportCancel(db, { id: params.id, now: deps.now() });
        const shown = await show(params.id);
        if (!isAsked && shown.status !== "cancelled") throw conflict("This import has ended.");
        await deps.temporal.importRequested(params.id);
        return status(202, shown);
      },
      {
        params: importParams,
        response: { 202: importSchema, ...faults(404, 409) },
        detail: { summary: "Stop an import; what it has taken in stays" },
      },
    );
}

/** The same whether there is such a folder or not. */
function outside(): AppError {
  return new AppError({
    kind: "forbidden",
    code: "forbidden",
    message: "This folder may not be imported; name one below a folder of IMPORT_ROOTS.",
  });
}

function missing(): AppError {
  return new AppError({
    kind: "not_found",
    code: "not_found",
    message: "There is no such folder.",
    details: { path: "path" },
  });
}
