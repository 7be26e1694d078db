import { basename } from "node:path";
import { type Static, t } from "elysia";
import { importStatuses, type PhotoImport } from "#db/schema/imports";
import { readableName } from "#media/folders/path-text";
import { oneOf } from "../../fields/one-of";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const amount = (description: string) => t.Integer({ minimum: 0, description });

export const importParams = t.Object({ id: uuid });

export const importBody = t.Object(
  {
    path: t.String({
      minLength: 1,
      maxLength: 4_096,
      description:
        "The absolute path of a folder on the server, below one of IMPORT_ROOTS; or on the machine of a worker that has it below its IMPORT_ROOTS",
      examples: ["/srv/pictures/2026"],
    }),
    albums: t.Optional(
      t.Boolean({
        default: false,
        description: "Make an album of each subfolder, with the subfolder's name",
      }),
    ),
    watch: t.Optional(
      t.Boolean({
        default: false,
        description:
          "Go on until the import is cancelled: what comes into the folder later is imported once it has stopped changing. 409 for a folder that is watched, below a watched one or above one",
      }),
    ),
  },
  { additionalProperties: false },
);

const importFields = {
  id: uuid,
  status: oneOf(importStatuses),
  folder: t.String({ description: "The name of the folder, without its path" }),
  albums: t.Boolean(),
  watch: t.Boolean({ description: "It goes on until it is cancelled" }),
  found: amount("Files in the folder and its subfolders; 0 until they are counted"),
  imported: amount("New photos"),
  duplicates: amount("Files whose bytes are those of an existing photo"),
  failed: amount("Files and folders that were not imported; see `errors`"),
  sidecars: amount("Files with metadata of another file, such as XMP"),
  progress_message: t.Optional(t.String({ description: "What the import waits for" })),
  changing: t.Optional(
    amount("Of a watched folder: files that may still be written, as of `looked_at`"),
  ),
  looked_at: t.Optional(
    t.String({
      format: "date-time",
      description: "When all of a watched folder was last checked",
    }),
  ),
  error: t.Optional(t.String({ description: "Why the import ended early" })),
  workflow_url: t.Optional(t.String()),
  created_at: moment,
  started_at: t.Optional(moment),
  completed_at: t.Optional(moment),
};

export const importSummarySchema = t.Object(importFields, { title: "ImportSummary" });

export const importSchema = t.Object(
  {
    ...importFields,
    errors: t.Array(
      t.Object({
        file: t.String({ description: "Path relative to the folder; each path appears once" }),
        code: t.String(),
        message: t.String(),
      }),
      { description: "What was not imported, in the folder's order; the first 10 000" },
    ),
  },
  { title: "Import" },
);

/** An import without its `errors`. */
export function importToWire(
  row: PhotoImport,
  { waitsFor, workflowUrl }: { waitsFor: string | undefined; workflowUrl: string | undefined },
): Static<typeof importSummarySchema> {
  return {
    id: row.id,
    status: row.status,
    folder: readableName(basename(row.path)),
    albums: row.makesAlbums,
    watch: row.watches,
    found: row.found,
    imported: row.imported,
    duplicates: row.duplicates,
    failed: row.failed,
    sidecars: row.sidecars,
    ...(waitsFor !== undefined && { progress_message: waitsFor }),
    ...(row.watches && { changing: row.changing }),
    ...(row.lookedAt && { looked_at: row.lookedAt.toISOString() }),
    ...(row.error !== null && { error: row.error }),
    ...(workflowUrl !== undefined && { workflow_url: workflowUrl }),
    created_at: row.createdAt.toISOString(),
    ...(row.startedAt && { started_at: row.startedAt.toISOString() }),
    ...(row.completedAt && { completed_at: row.completedAt.toISOString() }),
  };
}
