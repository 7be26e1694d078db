import { eq, sql } from "drizzle-orm";
import type { Db } from "../../client";
import { sessionCost, toDollars } from "../../pod-costs";
import { backends } from "../../schema/backends";
import type { NewEvent } from "../../schema/events";
import type { PodEndReason, PodSession } from "../../schema/pod-sessions";
import { lockPlaceInForce } from "../backends/in-force";
import { modelListOf } from "../models/installs";
import { runnableTurns } from "../line/turns";
import { changePodSession, podEventData } from "./sessions";
import { recordUnreleasedWork } from "./work";

/**
 * From now on no turn is granted on the pod, which ends when its work has. `idle` only when no run holds or wants a turn, and no
 * install is open. Undefined when it does not apply any more.
 */
export async function beginDraining(
  db: Db,
  params: { seen: PodSession; reason: PodEndReason; message: string; now: Date },
): Promise<PodSession | undefined> {
  const { seen, reason, message, now } = params;
  return db.transaction(async (tx) => {
    // Turns are granted under the same lock.
    await lockPlaceInForce(tx);
    await tx.update(backends).set({ ready: false }).where(eq(backends.ref, seen.place));
    return changePodSession(tx, {
      seen,
      set: {
        status: "draining",
        endReason: reason,
        phaseMessage: message,
        ...(reason !== "idle" && { idleSince: now }),
      },
      now,
      only:
        reason === "idle"
          ? sql`not exists (select from turns where backend <> 'local')
              and not exists (select from ${runnableTurns(seen.place)})
              and not exists (select from model_installs where place = ${modelListOf(seen.place)}
                and status in ('pending', 'processing') and cancel_requested_at is null)`
          : undefined,
    });
  });
}

/** No pod of the session runs. Its cost is final but for the bill; turns that it still had are paid until now. */
export async function endPodSession(
  db: Db,
  params: { seen: PodSession; reason: PodEndReason; message: string; endedAt: Date; now: Date },
): Promise<PodSession | undefined> {
  const { seen, reason, message, endedAt, now } = params;
  // `failed`: it was of no use, and nobody had asked for its end.
  const isAsked = reason === "stopped" || reason === "mode_local" || reason === "unwanted";
  const status = seen.readyAt === null && !isAsked ? "failed" : "ended";
  return db.transaction(async (tx) => {
    await lockPlaceInForce(tx);
    await recordUnreleasedWork(tx, { session: seen, endedAt });
    return changePodSession(tx, {
      seen,
      set: {
        status,
        endReason: reason,
        endedAt,
        phaseMessage: message,
        lastError: null,
        costMicros: sessionCost({ ...seen, endedAt }, now),
      },
      now,
      event: (row) => endEvent(row),
    });
  });
}

function endEvent(row: PodSession): NewEvent {
  return {
    type: row.status === "failed" ? "pod.failed" : "pod.ended",
    sessionId: null,
    data: {
      ...podEventData(row),
      reason: row.endReason,
      cost_usd: toDollars(row.costMicros ?? 0),
    },
  };
}
