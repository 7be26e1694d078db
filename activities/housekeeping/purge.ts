import { Context } from "@temporalio/activity";
import { getSettings } from "#db/queries/installation/settings";
import { purgeExpired } from "#library/purge";
import type { ActivityDeps } from "../deps";

const dayMs = 24 * 60 * 60 * 1_000;

export function createPurgeActivities(deps: ActivityDeps) {
  return {
    /** Purges photos that were in the trash for longer than the retention period, and finishes interrupted purges. */
    async purgeTrash(_input: object): Promise<{ photos: number; nodes: number }> {
      const now = deps.now();
      const settings = await getSettings(deps.database.db, deps.config);
      const days = settings["library.trash_retention_days"];
      const { photos, nodes, faults } = await purgeExpired(deps, {
        trashedBefore: new Date(now.getTime() - days * dayMs),
        now,
        onProgress: () => Context.current().heartbeat(),
      });
      if (faults.length > 0) throw faults[0];
      return { photos, nodes };
    },
  };
}
