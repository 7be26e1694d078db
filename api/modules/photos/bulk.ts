import { tagPhotos } from "#db/queries/photos/tagging";
import { restorePhotos, trashPhotos } from "#db/queries/photos/trash";
import { tagKey } from "#db/search/search-words";
import { type ErrorCode, invalid } from "#errors";
import type { ApiDeps } from "../../deps";
import { distinctIds } from "../../fields/ids";
import { maxTags, tidyTags } from "../../fields/text";
import { purgePhotos } from "./purge";

type BulkAnswer = {
  success_count: number;
  failed_count: number;
  details: { succeeded: string[]; failed: { id: string; code: ErrorCode }[] };
};

export const tagModes = ["add", "remove", "replace"] as const;
type TagMode = (typeof tagModes)[number];

/** Moves photos to the trash, or deletes them for good. */
export async function deletePhotos(
  deps: ApiDeps,
  given: string[],
  permanent: boolean,
): Promise<BulkAnswer> {
  const ids = distinctIds(given);
  const found = permanent
    ? await purgePhotos(deps, ids)
    : await trashPhotos(deps.database.db, { ids, now: deps.now() });
  return answerFor(ids, (id) => (found.has(id) ? undefined : "not_found"));
}

/** Takes photos out of the trash. */
export async function restoreSeveral(deps: ApiDeps, given: string[]): Promise<BulkAnswer> {
  const ids = distinctIds(given);
  const found = new Set((await restorePhotos(deps.database.db, ids)).map((photo) => photo.id));
  return answerFor(ids, (id) => (found.has(id) ? undefined : "not_found"));
}

/** Adds, removes or replaces tags. A photo that would get too many keeps its tags and counts as failed. */
export async function tagSeveral(
  deps: ApiDeps,
  body: { ids: string[]; tags: string[]; mode: TagMode },
): Promise<BulkAnswer> {
  const ids = distinctIds(body.ids);
  const tags = tidyTags(body.tags);
  if (tags.length === 0 && body.mode !== "replace") {
    throw invalid("Name at least one tag.", [{ path: "tags", message: "at least one" }]);
  }
  const outcome = await tagPhotos(deps.database.db, {
    ids,
    change: (present) => {
      const changed = changeTags(present, tags, body.mode);
      return changed.length > maxTags ? undefined : changed;
    },
  });
  return answerFor(ids, (id) => {
    const isTagged = outcome.get(id);
    if (isTagged === undefined) return "not_found";
    return isTagged ? undefined : "validation_error";
  });
}

/** Tags are compared without case. A tag that a photo already has keeps its spelling. */
function changeTags(present: string[], given: string[], mode: TagMode): string[] {
  if (mode === "replace") return given;
  const keys = new Set((mode === "add" ? present : given).map(tagKey));
  return mode === "add"
    ? [...present, ...given.filter((tag) => !keys.has(tagKey(tag)))]
    : present.filter((tag) => !keys.has(tagKey(tag)));
}

function answerFor(ids: string[], faultOf: (id: string) => ErrorCode | undefined): BulkAnswer {
  const succeeded: string[] = [];
  const failed: { id: string; code: ErrorCode }[] = [];
  for (const id of ids) {
    const code = faultOf(id);
    if (code === undefined) succeeded.push(id);
    else failed.push({ id, code });
  }
  return {
    success_count: succeeded.length,
    failed_count: failed.length,
    details: { succeeded, failed },
  };
}
