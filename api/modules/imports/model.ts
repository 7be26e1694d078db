import { basename } from "node:path";
import { type Static, t } from "elysia";
import type { PhotoImport } from "#db/schema/imports";

const uuid = t.String({ format: "uuid" });
const moment = t.String({ format: "date-time" });
const amount = (description: string) => t.Integer({ minimum: 0, description });

export const importParams = t.Object({ id: uuid });

export const importBody = t.Object(
  {
    path: t.String({
      minLength: 1,
      maxLength: 4_096,
      description: "A folder on the server, absolute, below one of IMPORT_ROOTS",
      examples: ["/srv/pictures/2026"],
    }),
    albums: t.Optional(
      t.Boolean({ default: false, description: "Each sub-folder becomes an album of its name" }),
    ),
  },
  { additionalProperties: false },
);

const importFields = {
  id: uuid,
  status: t.Union([
    t.Literal("pending"),
    t.Literal("processing"),
    t.Literal("completed"),
    t.Literal("failed"),
    t.Literal("cancelled"),
  ]),
  folder: t.String({ description: "The folder's own name" }),
  albums: t.Boolean(),
  found: amount("Files in the folder and those below it; 0 until they were counted"),
  imported: amount("New photos"),
  duplicates: amount("Files whose bytes are a photo already"),
  failed: amount("Files that were left out"),
  progress_message: t.Optional(t.String({ description: "What it waits for" })),
  error: t.Optional(t.String({ description: "Why it ended before its end" })),
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
        file: t.String({ description: "Relative to the folder" }),
        code: t.String(),
        message: t.String(),
      }),
      { description: "What was left out, in the folder's order; the first 10 000" },
    ),
  },
  { title: "Import" },
);

/** An import without its list of files. */
export function importToWire(
  row: PhotoImport,
  workflowUrl: string | undefined,
): Static<typeof importSummarySchema> {
  return {
    id: row.id,
    status: row.status,
    folder: basename(row.path),
    albums: row.makesAlbums,
    found: row.found,
    imported: row.imported,
    duplicates: row.duplicates,
    failed: row.failed,
    ...(row.status === "pending" && { progress_message: "Waits for the worker." }),
    ...(row.error !== null && { error: row.error }),
    ...(workflowUrl !== undefined && { workflow_url: workflowUrl }),
    created_at: row.createdAt.toISOString(),
    ...(row.startedAt && { started_at: row.startedAt.toISOString() }),
    ...(row.completedAt && { completed_at: row.completedAt.toISOString() }),
  };
}
