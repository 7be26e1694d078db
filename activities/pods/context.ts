import type { Db } from "#db/client";
import { getSettings } from "#db/queries/installation/settings";
import { readPodSpending } from "#db/queries/pods/spending";
import type { PodEndReason, PodSession } from "#db/schema/pod-sessions";
import type { SettingValues } from "#db/settings";
import { sessionCost } from "#db/pod-costs";
import { type Timings, timingsOf } from "#workflows/timings";
import type { Pod } from "../adapters/pods/provider";
import type { ActivityDeps, PodDeps } from "../deps";
import { reasonToEnd, type Spending } from "./limits";

/** What one step of a pod's life reads; `now` is fixed for the whole step. */
export type PodContext = PodDeps & {
  deps: ActivityDeps;
  db: Db;
  settings: SettingValues;
  timings: Timings;
  now: Date;
  signal: AbortSignal;
};

/** When to look again; 0: at once. */
export type NextLook = { pauseMs: number };

export async function createPodContext(
  deps: ActivityDeps,
  pods: PodDeps,
  signal: AbortSignal,
): Promise<PodContext> {
  const { db } = deps.database;
  const settings = await getSettings(db, deps.config);
  const timings = timingsOf({ timings: deps.timings });
  return { ...pods, deps, db, settings, timings, now: deps.now(), signal };
}

export async function readSpending(context: PodContext, session: PodSession): Promise<Spending> {
  const { db, now, deps } = context;
  const { timeZone } = deps.config;
  const { monthMicros } = await readPodSpending(db, { now, timeZone });
  return { sessionMicros: sessionCost(session, now), monthMicros };
}

/** Why this pod has to end now; null: it does not. */
export async function findReasonToEnd(
  context: PodContext,
  session: PodSession,
): Promise<PodEndReason | null> {
  const spending = await readSpending(context, session);
  return reasonToEnd(session, { limits: context.settings, spending, now: context.now });
}

/** The rate that the provider states, once: what was recorded of a session at its rate never changes. */
export function rateOf(
  { provider }: PodContext,
  session: PodSession,
  { hourlyMicros }: Pod,
): Partial<Pick<PodSession, "hourlyMicros" | "rateIsEstimate">> {
  if (hourlyMicros === null || !session.rateIsEstimate) return {};
  const disk = provider.hourlyDiskMicros(session.diskGb);
  return { hourlyMicros: hourlyMicros + disk, rateIsEstimate: false };
}
