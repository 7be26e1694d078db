import { log } from "@temporalio/activity";
import { insertEvents } from "#db/queries/events/events";
import { findLivePodSession, listUnbilledSessions, recordBill } from "#db/queries/pods/sessions";
import { timingsOf } from "#workflows/timings";
import type { ActivityDeps, PodDeps } from "../deps";
import { withHeartbeat } from "../heartbeat";
import { podNamePrefix } from "./names";

const dayMs = 24 * 60 * 60_000;
/** Bills that have not come by then do not come. */
const billsComeWithinMs = 14 * dayMs;
const billRetryMs = 30 * 60_000;
const mostBills = 20;

/** Keeps the account clean, whatever became of the run that rents pods. */
export function createReaperActivities(deps: ActivityDeps) {
  const { db } = deps.database;
  const { podBillMs } = timingsOf({ timings: deps.timings });

  /**
   * Ends pods of this installation that no live session owns. Loud when the list cannot be read: a pod may then run on
   * unseen.
   */
  async function reap({ provider, installationId }: PodDeps, signal: AbortSignal): Promise<number> {
    const prefix = podNamePrefix(installationId);
    const ours = (await provider.list(signal)).filter(({ name }) => name.startsWith(prefix));
    // Read after the list: a pod in it had its session's claim before it was made.
    const live = await findLivePodSession(db);
    const orphans = ours.filter(({ id, name }) => id !== live?.podId && name !== live?.podName);
    for (const { id, name } of orphans) {
      log.warn("a pod that belongs to no session is ended", { podId: id, name });
      await provider.terminate(id, signal);
      await db.transaction((tx) =>
        insertEvents(tx, [
          { type: "pod.orphan_ended", sessionId: null, data: { pod_id: id, name } },
        ]),
      );
    }
    return orphans.length;
  }

  /** Replaces estimated costs of ended sessions by what was billed. */
  async function readBills({ provider }: PodDeps, signal: AbortSignal): Promise<number> {
    const now = deps.now();
    const ago = (ms: number) => new Date(now.getTime() - ms);
    const sessions = await listUnbilledSessions(db, {
      endedAfter: ago(billsComeWithinMs),
      endedBefore: ago(podBillMs),
      checkedBefore: ago(Math.min(billRetryMs, podBillMs)),
      limit: mostBills,
    });
    for (const { id, podId, madeAt, endedAt } of sessions) {
      if (podId === null || madeAt === null || endedAt === null) continue;
      const bill = await provider.findBill({ podId, from: madeAt, to: endedAt }, signal);
      await recordBill(db, { id, micros: bill?.micros ?? null, now });
    }
    return sessions.length;
  }

  return {
    /** null: no pod can be rented, so there is nothing to look for. */
    reapPods: (_input: object): Promise<{ orphans: number; bills: number } | null> =>
      withHeartbeat(async (signal) => {
        const { pods } = deps;
        if (pods === null) return null;
        const orphans = await reap(pods, signal);
        return { orphans, bills: await readBills(pods, signal) };
      }),
  };
}
