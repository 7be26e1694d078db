import { purgeByIds } from "#library/purge";
import type { ApiDeps } from "../../deps";

/**
 * Deletes photos for good. A fault after they are hidden does not fail the request: the schedule that empties the trash
 * finishes the purge.
 * @returns the ids of those that existed
 */
export async function purgePhotos(deps: ApiDeps, ids: string[]): Promise<Set<string>> {
  const { found, faults } = await purgeByIds(deps, { ids, now: deps.now() });
  if (faults.length > 0) {
    const facts = { what: "purgePhotos", photos: found.size, err: faults[0] };
    deps.log.warn(facts, "left to the next purge");
  }
  return found;
}
