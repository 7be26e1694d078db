import { t } from "elysia";
import { tagsSchema } from "../../text";

const uuid = t.String({ format: "uuid" });

const severalIds = t.Array(uuid, {
  minItems: 1,
  maxItems: 500,
  description: "As many as a person can mark in one go",
});

export const idsBody = t.Object({ ids: severalIds }, { additionalProperties: false });

export const bulkTagBody = t.Object(
  {
    ids: severalIds,
    tags: tagsSchema,
    mode: t.Optional(
      t.Union([t.Literal("add"), t.Literal("remove"), t.Literal("replace")], { default: "add" }),
    ),
  },
  { additionalProperties: false },
);

export const bulkSchema = t.Object(
  {
    success_count: t.Integer(),
    failed_count: t.Integer(),
    details: t.Object({
      succeeded: t.Array(uuid),
      failed: t.Array(t.Object({ id: uuid, code: t.String() })),
    }),
  },
  { title: "BatchOutcome" },
);

export const batchRetrySchema = t.Object(
  {
    success_count: t.Integer(),
    failed_count: t.Integer(),
    details: t.Object({
      retrying: t.Array(uuid),
      failed: t.Array(t.Object({ id: uuid, code: t.String() })),
    }),
  },
  { title: "BatchRetry" },
);
