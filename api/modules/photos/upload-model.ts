import { t } from "elysia";
import { oneOf } from "../../fields/one-of";
import { photoSchema } from "./model";

export const uploadQuery = t.Object({
  restore: t.Optional(
    t.Boolean({ default: false, description: "Take a duplicate out of the trash" }),
  ),
  merge: t.Optional(
    t.Boolean({
      default: true,
      description:
        "false: title, tags and album are not applied to a duplicate. May also be sent as a form field.",
    }),
  ),
});

const duplicate = t.Object(
  {
    ...photoSchema.properties,
    duplicate: t.Literal(true),
    trashed: t.Optional(t.Literal(true)),
  },
  { title: "DuplicatePhoto" },
);

const uploadItem = t.Object(
  {
    filename: t.String(),
    status: oneOf(["created", "duplicate", "rejected"]),
    photo: t.Optional(t.Union([photoSchema, duplicate])),
    error: t.Optional(t.Object({ code: t.String(), message: t.String() })),
  },
  { title: "UploadedFile" },
);

export const uploadSchema = {
  201: photoSchema,
  200: t.Union([duplicate, t.Object({ items: t.Array(uploadItem) })], {
    description:
      "The existing photo if one file was sent that is a duplicate, or the result for each of several files",
  }),
};

export type UploadBody = typeof photoSchema.static | (typeof uploadSchema)[200]["static"];
export type UploadItem = typeof uploadItem.static;

/** The framework does not parse the body, which is read as a stream, so its schema is written here. */
export const uploadDetail = {
  summary: "Upload one or more pictures",
  description:
    "JPEG, PNG, WebP, GIF, AVIF, HEIC or HEIF, detected by content. A part may have a Content-Digest, which is verified. Title, tags and album are also applied to a duplicate, unless `merge` is false.",
  requestBody: {
    required: true,
    content: {
      "multipart/form-data": {
        schema: {
          type: "object" as const,
          required: ["file"],
          properties: {
            file: { type: "array" as const, items: { type: "string" as const, format: "binary" } },
            album_id: { type: "string" as const, format: "uuid" },
            title: { type: "string" as const, maxLength: 200 },
            // Without an example, Swagger UI would send an invented tag.
            tags: { type: "array" as const, items: { type: "string" as const }, example: [] },
            merge: { type: "boolean" as const, default: true },
          },
        },
      },
    },
  },
};
