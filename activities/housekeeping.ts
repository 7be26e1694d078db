import { Context } from "@temporalio/activity";
import { deleteAttemptCountsBefore } from "#db/queries/attempt-counts";
import { deleteEventsBefore } from "#db/queries/events";
import { deleteIdempotencyKeysBefore } from "#db/queries/idempotency-expiry";
import { countAllPhotos, findKnownPhotoIds } from "#db/queries/photo-lookup";
import { deleteUploadedSourcesBefore } from "#db/queries/uploaded-sources";
import { sweepFiles } from "#media/sweep";
import type { ActivityDeps } from "./deps";
import { reconcile } from "./reconcile";

const hourMs = 60 * 60 * 1_000;
const keysKeptMs = 24 * hourMs;
const eventsKeptMs = 7 * 24 * hourMs;
// Of an upload that is forgotten nothing is lost: the next step that wants it sends it again.
const sourcesKeptMs = 30 * 24 * hourMs;

/** What the schedules do. */
export function createHousekeepingActivities(deps: ActivityDeps) {
  const { database, storage, now } = deps;
  const { db } = database;
  const ago = (ms: number) => new Date(now().getTime() - ms);

  return {
    reconcileRows: (_input: object) => reconcile(deps),

    async sweepStorage(_input: object): Promise<{ summary: string }> {
      const context = Context.current();
      const report = await sweepFiles({
        storage,
        now: now(),
        photoCount: await countAllPhotos(db),
        knownIds: (ids) => {
          context.heartbeat();
          return findKnownPhotoIds(db, ids);
        },
      });
      const found = `${report.checked} files looked at, ${report.unfinished} unfinished ones set aside`;
      const summary = report.stopped
        ? `${found}. Stopped: ${report.orphans} photos or more have files but no row, which is too many to be chance. Nothing of them was touched.`
        : `${found}, and those of ${report.orphans} photos without a row.`;
      return { summary };
    },

    async dropExpired(
      _input: object,
    ): Promise<{ keys: number; events: number; attemptCounts: number; sources: number }> {
      return {
        keys: await deleteIdempotencyKeysBefore(db, ago(keysKeptMs)),
        events: await deleteEventsBefore(db, ago(eventsKeptMs)),
        attemptCounts: await deleteAttemptCountsBefore(db, now()),
        sources: await deleteUploadedSourcesBefore(db, ago(sourcesKeptMs)),
      };
    },
  };
}
