import { type Static, type TSchema, Type } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { broken } from "../http-failures";
import { markKey } from "./graphs/placement";
import { outputKey } from "./graphs/recipe-placement";

// The parts of InvokeAI 6.x answers that the client reads. Other fields are ignored, null and absent mean the same, and
// enumerations may have unknown values.

const maybe = <T extends TSchema>(schema: T) => Type.Optional(Type.Union([schema, Type.Null()]));
const count = Type.Integer({ minimum: 0 });

/** `YYYY-MM-DD HH:MM:SS.fff`: UTC without a zone. */
const moment = Type.String({ pattern: "^\\d{4}-\\d\\d-\\d\\d[ T]\\d\\d:\\d\\d:\\d\\d(\\.\\d+)?$" });

/** One segment of a path, never `..`. */
const imageName = Type.String({ pattern: "^[A-Za-z0-9_-][A-Za-z0-9._-]{0,254}$" });

export const Version = Type.Object({ version: Type.String({ minLength: 1, maxLength: 100 }) });

export const Model = Type.Object({
  key: Type.String({ minLength: 1 }),
  hash: Type.String(),
  name: Type.String(),
  base: Type.String(),
  type: Type.String(),
  format: Type.String(),
  variant: maybe(Type.String()),
  description: maybe(Type.String()),
  image_encoder_model_id: maybe(Type.String()),
  default_settings: maybe(
    Type.Object({
      vae: maybe(Type.String()),
      scheduler: maybe(Type.String()),
      steps: maybe(Type.Number()),
      cfg_scale: maybe(Type.Number()),
      guidance: maybe(Type.Number()),
      width: maybe(Type.Number()),
      height: maybe(Type.Number()),
    }),
  ),
});

export const ModelList = Type.Object({ models: Type.Array(Type.Unknown()) });

export const Enqueued = Type.Object({ enqueued: count, requested: count });

export const BatchCounters = Type.Object({
  pending: count,
  in_progress: count,
  waiting: maybe(count),
  completed: count,
  failed: count,
  canceled: count,
  total: count,
});

export const Item = Type.Object({
  item_id: Type.Integer(),
  batch_id: Type.String(),
  status: Type.String(),
  status_sequence: maybe(Type.Integer()),
  session_id: Type.String(),
  error_type: maybe(Type.String()),
  error_message: maybe(Type.String()),
  created_at: moment,
  started_at: maybe(moment),
  completed_at: maybe(moment),
  field_values: maybe(
    Type.Array(
      Type.Object({ node_path: Type.String(), field_name: Type.String(), value: Type.Unknown() }),
    ),
  ),
  session: Type.Object({
    source_prepared_mapping: maybe(Type.Record(Type.String(), Type.Array(Type.String()))),
    results: maybe(Type.Record(Type.String(), Type.Unknown())),
  }),
});

export const ImageOutput = Type.Object({
  type: Type.Literal("image_output"),
  image: Type.Object({ image_name: imageName }),
});

export const ImageCollectionOutput = Type.Object({
  type: Type.Literal("image_collection_output"),
  collection: Type.Array(Type.Object({ image_name: imageName })),
});

export const ItemIds = Type.Object({ item_ids: Type.Array(Type.Integer()) });

export const Image = Type.Object({
  image_name: imageName,
  width: count,
  height: count,
  is_intermediate: Type.Boolean(),
  session_id: maybe(Type.String()),
  created_at: moment,
});

/** An image as InvokeAI's gallery shows it. */
export const GalleryImage = Type.Object({
  image_name: imageName,
  created_at: moment,
  starred: Type.Boolean(),
  board_id: maybe(Type.String()),
});
export const GalleryImages = Type.Array(GalleryImage);
export const GalleryPage = Type.Object({ items: GalleryImages });

/** With the starred ones first. */
export const ImageNames = Type.Object({ image_names: Type.Array(imageName), starred_count: count });
export const BoardImages = Type.Array(imageName);

export const ImageList = Type.Object({ items: Type.Array(Image) });

/** The metadata of our images; those of other clients may hold anything. */
export const Metadata = Type.Object({
  seed: Type.Integer(),
  [markKey]: Type.String(),
  [outputKey]: Type.Optional(Type.Integer({ minimum: 0 })),
});

export const Board = Type.Object({ board_id: Type.String(), board_name: Type.String() });
export const Boards = Type.Array(Board);

export const Queue = Type.Object({
  queue: Type.Object({
    pending: count,
    in_progress: count,
    completed: count,
    failed: count,
    canceled: count,
    batch_id: maybe(Type.String()),
  }),
  processor: Type.Object({ is_started: Type.Boolean(), is_processing: Type.Boolean() }),
});

export const AuthStatus = Type.Object({ multiuser_enabled: Type.Boolean() });

/** Only visible ASCII: other characters could not be sent in a header. */
export const LoggedIn = Type.Object({
  token: Type.String({ pattern: "^[\\x21-\\x7e]{1,8192}$" }),
});

export const Canceled = Type.Object({ canceled: count });

/** @throws ProviderError `broken` when an answer does not match the schema */
export function parseAnswer<T extends TSchema>(schema: T, answer: unknown): Static<T> {
  if (Value.Check(schema, answer)) return answer;
  const fault = Value.Errors(schema, answer).First();
  throw broken("invokeai", "answered in an unknown format; is it 6.13 or 6.14?", {
    cause: new Error(`${fault?.path ?? ""}: ${fault?.message ?? ""}`),
  });
}

/** Parses a time of InvokeAI, which is UTC without a zone. */
export function parseMoment(text: string): Date {
  return new Date(`${text.replace(" ", "T")}Z`);
}

/** The detail of an error about an item that the server has stored but cannot load. */
export const unreadableItem = "the item cannot be loaded";

/**
 * The part of a refusal that may be logged: field paths and reasons, but not the echoed input; of a text only the part
 * before the first colon (a Python message with values and paths may follow).
 */
export function readDetail(body: unknown): string | undefined {
  const detail = Value.Check(Refusal, body) ? body.detail : undefined;
  if (typeof detail === "string") {
    if (detail.includes("validation error for GraphExecutionState")) return unreadableItem;
    return detail.split(":")[0]?.slice(0, 100);
  }
  return detail
    ?.slice(0, 5)
    .map(({ loc, msg }) => `${loc.join(".")}: ${msg}`.slice(0, 300))
    .join("\n");
}

const Refusal = Type.Object({
  detail: Type.Union([
    Type.String(),
    Type.Array(
      Type.Object({
        loc: Type.Array(Type.Union([Type.String(), Type.Number()])),
        msg: Type.String(),
      }),
    ),
  ]),
});
