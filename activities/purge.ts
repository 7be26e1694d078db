import { Context } from "@temporalio/activity";
import {
  claimExpired,
  deleteNeedlessNodes,
  finishPurge,
  listUnfinishedPurges,
  type PurgedFiles,
} from "#db/queries/purge";
import { getSettings } from "#db/queries/settings";
import { purgePhotoFiles } from "#media/photo-files";
import type { ActivityDeps } from "./deps";

const sliceSize = 100;
const dayMs = 24 * 60 * 60 * 1_000;

/** Empties the trash. Rows say how far each photo is, so that any run goes on where another one died. */
export function createPurgeActivities({ config, database, storage, now }: ActivityDeps) {
  const { db } = database;

  /** One photo whose files cannot be removed does not keep the others. */
  async function finish(slice: PurgedFiles[]): Promise<{ purged: number; faults: unknown[] }> {
    const removed: string[] = [];
    const faults: unknown[] = [];
    for (const photo of slice) {
      await purgePhotoFiles(storage, photo).then(
        () => removed.push(photo.id),
        (error: unknown) => faults.push(error),
      );
      Context.current().heartbeat();
    }
    return { purged: await finishPurge(db, removed), faults };
  }

  return {
    async purgeTrash(_input: object): Promise<{ photos: number; nodes: number }> {
      const at = now();
      const { "library.trash_retention_days": days } = await getSettings(db, config);
      const trashedBefore = new Date(at.getTime() - days * dayMs);
      const faults: unknown[] = [];
      let photos = 0;
      const takeSlice = async (slice: PurgedFiles[]) => {
        const done = await finish(slice);
        photos += done.purged;
        faults.push(...done.faults);
        return slice.at(-1)?.id;
      };
      for (let afterId: string | null | undefined = null; afterId !== undefined;) {
        const slice = await listUnfinishedPurges(db, { afterId, limit: sliceSize });
        afterId = await takeSlice(slice);
      }
      for (let last: string | undefined = ""; last !== undefined;) {
        last = await takeSlice(
          await claimExpired(db, { trashedBefore, limit: sliceSize, now: at }),
        );
      }
      const nodes = await deleteNeedlessNodes(db);
      if (faults.length > 0) throw faults[0];
      return { photos, nodes };
    },
  };
}
