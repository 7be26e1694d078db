import { t, type Static } from "elysia";
import type { PhotoFilter } from "#db/queries/photo-filter";
import { searchQuery } from "#db/search-query";
import { tagKey } from "#db/search-words";
import { pageQuery } from "../../lists";
import { momentInput } from "../../moment";
import { retrievalStatus } from "./model";

const uuid = t.String({ format: "uuid" });

export const listQuery = t.Object({
  ...pageQuery(),
  generated: t.Optional(t.Boolean()),
  favorite: t.Optional(t.Boolean()),
  album_id: t.Optional(uuid),
  session_id: t.Optional(uuid),
  step_id: t.Optional(uuid),
  model_key: t.Optional(t.String({ minLength: 1, maxLength: 256 })),
  tag: t.Optional(t.String({ minLength: 1, maxLength: 256, description: "Whatever its case" })),
  retrieval_status: t.Optional(retrievalStatus),
  since: t.Optional(momentInput("Created then or later")),
  until: t.Optional(momentInput("Created before")),
  q: t.Optional(
    t.String({
      maxLength: 500,
      description:
        "Words of prompt, negative prompt, title, filename and tags, without case and accents. All must match, the last one also as a beginning from 3 letters on",
    }),
  ),
  same_prompt_as: t.Optional({ ...uuid, description: "The id of a photo" }),
  trashed: t.Optional(t.Boolean({ default: false })),
  sort: t.Optional(
    t.Union(
      [t.Literal("newest"), t.Literal("oldest"), t.Literal("taken_at"), t.Literal("rating")],
      {
        default: "newest",
        description:
          "taken_at: newest first, by created_at where it is unknown. rating: highest first, none last",
      },
    ),
  ),
});

/** What a list's query asks for. A `q` of blanks is none; one without any letter or digit finds nothing. */
export function listQueryToFilter(query: Static<typeof listQuery>): PhotoFilter {
  return {
    kind: query.generated === undefined ? undefined : query.generated ? "generated" : "uploaded",
    isFavorite: query.favorite,
    albumId: query.album_id,
    sessionId: query.session_id,
    stepId: query.step_id,
    modelKey: query.model_key,
    tagKey: query.tag === undefined ? undefined : tagKey(query.tag.trim()),
    retrievalStatus: query.retrieval_status,
    since: query.since === undefined ? undefined : new Date(query.since),
    until: query.until === undefined ? undefined : new Date(query.until),
    search: query.q?.trim() ? searchQuery(query.q) : undefined,
    samePromptAs: query.same_prompt_as,
    isTrashed: query.trashed ?? false,
  };
}
