import { getSettings } from "#db/queries/installation/settings";
import { findNewestRequest } from "#db/queries/pods/demand";
import { placeToRent } from "#db/queries/pods/requests";
import { listPodSessions } from "#db/queries/pods/sessions";
import { readPodSpending } from "#db/queries/pods/spending";
import { timingsOf } from "#workflows/timings";
import type { ActivityDeps } from "../deps";
import { decideStart, type StartDecision } from "./start-decision";

/** Enough for the longest pause between two tries. */
const rememberedSessions = 10;

type Deps = Pick<ActivityDeps, "config" | "database" | "now" | "pods" | "timings">;

/** Whether a pod is rented now, from rows. Only while no session is live. */
export async function readStartDecision(deps: Deps): Promise<StartDecision> {
  const { config, database, pods } = deps;
  const { db } = database;
  const now = deps.now();
  const settings = await getSettings(db, config);
  if (settings["backend.mode"] === "local") return { start: false, reason: null, againAt: null };
  const sessions = await listPodSessions(db, { limit: rememberedSessions });
  const { monthMicros } = await readPodSpending(db, { now, timeZone: config.timeZone });
  const succeeded = sessions.findIndex(({ status }) => status !== "failed");
  return decideStart({
    canRent: pods !== null,
    newestRequest: await findNewestRequest(db, placeToRent(settings["backend.volume_id"])),
    last: sessions[0],
    failures: succeeded === -1 ? sessions.length : succeeded,
    monthMicros,
    monthLimitUsd: settings["backend.max_month_cost_usd"],
    firstPauseMs: timingsOf({ timings: deps.timings }).podRetryMs,
    now,
  });
}
