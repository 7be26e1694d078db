import { t } from "elysia";
import { oneOf } from "../../fields/one-of";
import { tagsSchema } from "../../fields/text";
import { tagModes } from "./bulk";

const uuid = t.String({ format: "uuid" });

const severalIds = t.Array(uuid, {
  minItems: 1,
  maxItems: 500,
  description: "The ids of 1 to 500 photos",
});

export const idsBody = t.Object({ ids: severalIds }, { additionalProperties: false });

export const bulkTagBody = t.Object(
  {
    ids: severalIds,
    tags: tagsSchema,
    mode: t.Optional(oneOf(tagModes, { default: "add" })),
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
