import { t, type Static } from "elysia";
import type { PhotoFilter } from "#db/queries/photos/photo-filter";
import { photoSorts } from "#db/queries/photos/photo-sort";
import { searchQuery } from "#db/search/search-query";
import { tagKey } from "#db/search/search-words";
import { pageQuery } from "../../lists/lists";
import { momentInput } from "../../fields/moment";
import { oneOf } from "../../fields/one-of";
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
  tag: t.Optional(t.String({ minLength: 1, maxLength: 256, description: "Case is ignored" })),
  retrieval_status: t.Optional(retrievalStatus),
  since: t.Optional(momentInput("Created at this time or later")),
  until: t.Optional(momentInput("Created before this time")),
  q: t.Optional(
    t.String({
      maxLength: 500,
      description:
        'Words to find in prompt, negative prompt, title, filename and tags. Case and accents are ignored. All words must match; from 3 letters on the last word also matches as a prefix. "red fox" in quotes is a phrase. -word excludes photos with this word.',
    }),
  ),
  same_prompt_as: t.Optional({
    ...uuid,
    description: "The id of a photo; finds photos with the same prompt",
  }),
  trashed: t.Optional(t.Boolean({ default: false })),
  sort: t.Optional(
    oneOf(photoSorts, {
      default: "newest",
      description:
        "taken_at: newest first; created_at is used if taken_at is unknown. rating: highest first; unrated photos last",
    }),
  ),
});

/** A blank `q` is ignored; one without any letter or digit finds nothing. */
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
