import { t } from "elysia";
import { photoSchema } from "./model";

export const uploadQuery = t.Object({ restore: t.Optional(t.Boolean({ default: false })) });

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
    status: t.Union([t.Literal("created"), t.Literal("duplicate"), t.Literal("rejected")]),
    photo: t.Optional(t.Union([photoSchema, duplicate])),
    error: t.Optional(t.Object({ code: t.String(), message: t.String() })),
  },
  { title: "UploadedFile" },
);

export const uploadSchema = {
  201: photoSchema,
  200: t.Union([duplicate, t.Object({ items: t.Array(uploadItem) })], {
    description: "One file that is here already, or the verdict on each of several",
  }),
};

/** The body is read as a stream, past the framework: what it looks like is written here. */
export const uploadDetail = {
  summary: "Upload one or more pictures",
  description:
    "JPEG, PNG, WebP, GIF, AVIF, HEIC or HEIF, told by content. A part may carry a Content-Digest, which is verified.",
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
            tags: { type: "array" as const, items: { type: "string" as const } },
          },
        },
      },
    },
  },
};
