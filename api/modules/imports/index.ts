import { t } from "elysia";
import {
  countImports,
  findImport,
  insertImport,
  listImportFaults,
  listImports,
  lockWatchedFolders,
  requestImportCancel,
} from "#db/queries/imports/imports";
import { findServed, type Served } from "#db/queries/installation/workers";
import type { PhotoImport } from "#db/schema/imports";
import { AppError, conflict, notFound } from "#errors";
import { findRootOf, isWalkedFrom, resolveImportFolder } from "#media/folders/import-folder";
import { photoImportId } from "#workflows/photo-import/contract";
import { timeKeys, parseTimeKeys } from "../../lists/cursor";
import type { ApiDeps } from "../../deps";
import { faults } from "../../http/error-body";
import { createIdempotency } from "../../http/idempotency";
import { listOf, pageOf, pageQuery, answerList } from "../../lists/lists";
import { createModule } from "../../http/module";
import { importBody, importParams, importSchema, importSummarySchema, importToWire } from "./model";
import { whatImportWaitsFor } from "./waits";

const maxErrors = 10_000;
/** Each takes one of the 16 slots that the worker has for a root, as long as it is watched. */
const maxWatchedFolders = 8;

/** Imports of folders on the server. */
export function createImportsModule(deps: ApiDeps) {
  const { db } = deps.database;
  const toWire = (row: PhotoImport, served: Served) =>
    importToWire(row, {
      waitsFor: whatImportWaitsFor(row, served),
      workflowUrl: deps.temporal.workflowUrl(photoImportId(row.id)),
    });

  async function show(id: string) {
    const row = await findImport(db, id);
    if (!row) throw notFound("import");
    const errors = await listImportFaults(db, { importId: id, limit: maxErrors });
    return { ...toWire(row, await findServed(db)), errors };
  }

  /** Links are resolved where this process can read the root; a folder of another machine is checked by its worker. */
  async function resolvePath(given: string): Promise<{ path: string; root: string }> {
    const folder = await resolveImportFolder(deps.config.importRoots, given);
    if (folder.state === "allowed") return { path: folder.path, root: folder.root };
    const path = given.replace(/(?<=.)\/+$/, "");
    const { knownImportRoots } = await findServed(db);
    const elsewhere = knownImportRoots.difference(new Set(deps.config.importRoots));
    const root = findRootOf(elsewhere, path);
    if (root !== undefined) return { path, root };
    throw folder.state === "outside" ? outside() : notFound("folder", "path");
  }

  async function insert(row: Parameters<typeof insertImport>[1]): Promise<void> {
    await db.transaction(async (tx) => {
      if (row.watches) {
        const watched = await lockWatchedFolders(tx);
        // A repeat finds its row.
        if (!(await findImport(tx, row.id))) checkWatch(row.path, watched);
      }
      await insertImport(tx, row);
    });
  }

  return createModule({
    name: "imports",
    prefix: "/api/v1/photos",
    tags: ["photos"],
  })
    .use(createIdempotency(deps))
    .post(
      "/import",
      async ({ body, once, status }) => {
        const { path, albums: makesAlbums = false, watch: watches = false } = body;
        const wanted = { path, makesAlbums, watches };
        const answer = await once.answer(wanted, async (id) => {
          await insert({ ...wanted, id, ...(await resolvePath(path)) });
          await deps.temporal.importRequested(id);
          return { status: 202, body: await show(id) };
        });
        return status(202, answer.body);
      },
      {
        body: importBody,
        response: { 202: importSchema, ...faults(403, 404, 409) },
        createsOnce: true,
        detail: { summary: "Import a folder on the server, once or as long as it is watched" },
      },
    )
    .get(
      "/imports",
      async ({ query, request }) => {
        const page = pageOf(query);
        const served = await findServed(db);
        return answerList(request, page, {
          item: importSummarySchema,
          scope: ["imports"],
          parseKeys: parseTimeKeys,
          rows: (part) => listImports(db, part),
          keysOf: ({ createdAt: at, id }) => timeKeys({ at, id }),
          count: () => countImports(db),
          toWire: (row) => toWire(row, served),
        });
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
      detail: { summary: "An import, with the files that were not imported and why" },
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
        detail: { summary: "Cancel an import; photos that were already imported stay" },
      },
    );
}

type Watched = Awaited<ReturnType<typeof lockWatchedFolders>>;

/**
 * A watched folder is watched with all folders below it: two imports would take the same files.
 * @throws AppError conflict that names the imports in the way
 */
function checkWatch(path: string, watched: Watched): void {
  const others = watched.filter((other) => other.path !== path);
  for (const [inTheWay, message] of [
    [watched.filter((other) => other.path === path), "An import already watches this folder."],
    [
      others.filter((other) => isWalkedFrom(other.path, path)),
      "An import already watches a folder that this one is in, with all folders below it; to watch only this one, cancel that import.",
    ],
    [
      others.filter((other) => isWalkedFrom(path, other.path)),
      "This folder holds some that are watched already; cancel the imports in details.import_ids, then watch this one with all folders below it.",
    ],
  ] as const) {
    const ids = inTheWay.map(({ id }) => id);
    if (ids.length > 0) throw conflict(message, { import_ids: ids });
  }
  if (watched.length >= maxWatchedFolders) {
    throw conflict(
      `At most ${maxWatchedFolders} folders can be watched; watch one that holds several of them, or cancel an import that watches one.`,
    );
  }
}

/** The same answer whether or not the folder exists. */
function outside(): AppError {
  return new AppError({
    kind: "forbidden",
    code: "forbidden",
    message: "This folder may not be imported; name one below a folder of IMPORT_ROOTS.",
  });
}
