import { Context } from "@temporalio/activity";
import { deleteAttemptCountsBefore } from "#db/queries/requests/attempt-counts";
import { deleteEventsBefore } from "#db/queries/events/events";
import { deleteGoneWorkers } from "#db/queries/installation/workers";
import { deleteIdempotencyKeysBefore } from "#db/queries/requests/idempotency-expiry";
import { deleteUploadedSourcesBefore } from "#db/queries/steps/uploaded-sources";
import { sweepLibrary } from "#library/sweep";
import type { ActivityDeps } from "../deps";
import { reconcile } from "./reconcile";

const hourMs = 60 * 60 * 1_000;
const keysKeptMs = 24 * hourMs;
const eventsKeptMs = 7 * 24 * hourMs;
// Forgetting an upload is harmless: the next step that needs it uploads it again.
const sourcesKeptMs = 30 * 24 * hourMs;

/** Activities of the schedules. */
export function createHousekeepingActivities(deps: ActivityDeps) {
  const { database, now } = deps;
  const { db } = database;
  const ago = (ms: number) => new Date(now().getTime() - ms);

  return {
    reconcileRows: (_input: object) => reconcile(deps),

    async sweepStorage(_input: object): Promise<{ summary: string }> {
      const context = Context.current();
      const report = await sweepLibrary(deps, {
        now: now(),
        onQuery: () => context.heartbeat(),
      });
      const found = `${report.checked} files checked, ${report.unfinished} unfinished ones moved to quarantine`;
      const summary = report.stopped
        ? `${found}. Stopped: at least ${report.orphans} photos have files but no row, too many to be a coincidence. None of these files was moved.`
        : `${found}, and the files of ${report.orphans} photos without a row.`;
      return { summary };
    },

    async dropExpired(
      _input: object,
    ): Promise<{ keys: number; events: number; attemptCounts: number; sources: number }> {
      const context = Context.current();
      const beat = () => context.heartbeat();
      await deleteGoneWorkers(db);
      return {
        keys: await deleteIdempotencyKeysBefore(db, ago(keysKeptMs), beat),
        events: await deleteEventsBefore(db, ago(eventsKeptMs), beat),
        attemptCounts: await deleteAttemptCountsBefore(db, now(), beat),
        sources: await deleteUploadedSourcesBefore(db, ago(sourcesKeptMs), beat),
      };
    },
  };
}
