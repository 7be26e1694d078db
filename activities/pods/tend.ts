import { log } from "@temporalio/activity";
import { ProviderError } from "#errors";
import { getSettings } from "#db/queries/installation/settings";
import { placeOfSession } from "#db/queries/pods/requests";
import {
  changePodSession,
  findLivePodSession,
  insertPodSession,
  podEvent,
} from "#db/queries/pods/sessions";
import type { PodSession } from "#db/schema/pod-sessions";
import { timingsOf } from "#workflows/timings";
import type { ActivityDeps } from "../deps";
import { withHeartbeat } from "../heartbeat";
import { createPodContext, type NextLook, type PodContext } from "./context";
import { tendCreating } from "./creating";
import { keepPlaceInForce } from "./place";
import { tendBooting, tendDraining, tendReady } from "./running";
import { readStartDecision } from "./start";
import { tendTerminating } from "./terminating";
import { keyRefused } from "./warnings";

/** What the backend's run does next. */
export type PodView = {
  /** The place in force has changed, or the state of its pod. */
  hasChanged: boolean;
  /** Turns may be granted, as far as pods are concerned. */
  isOpen: boolean;
  /** Until the next look; null: only when something is signalled. */
  pauseMs: number | null;
};

/** The life of the rented pod. Each call does one step of it, from rows alone; it may be killed anywhere, and run twice at once. */
export function createPodActivities(deps: ActivityDeps) {
  return {
    tendPod: (_input: object): Promise<PodView> => withHeartbeat((signal) => tend(deps, signal)),
  };
}

async function tend(deps: ActivityDeps, signal: AbortSignal): Promise<PodView> {
  const { db } = deps.database;
  const before = await findLivePodSession(db);
  const look = before ? await tendSession(deps, before, signal) : await considerStart(deps);
  const after = await findLivePodSession(db);
  const isSwitched = await keepPlaceInForce(deps);
  const { "backend.mode": mode } = await getSettings(db, deps.config);
  return {
    hasChanged: isSwitched || before?.status !== after?.status,
    isOpen: mode === "local" || (after !== undefined && isUsable(after)),
    pauseMs: look.pauseMs,
  };
}

/** Not while this program cannot end it. */
const isUsable = ({ status, warned }: PodSession): boolean =>
  status === "ready" && !warned.includes(keyRefused);

async function considerStart(deps: ActivityDeps): Promise<{ pauseMs: number | null }> {
  const decision = await readStartDecision(deps);
  const now = deps.now();
  if (!decision.start) {
    const { againAt } = decision;
    return { pauseMs: againAt === null ? null : Math.max(againAt.getTime() - now.getTime(), 0) };
  }
  const { db } = deps.database;
  const settings = await getSettings(db, deps.config);
  const id = deps.newId();
  const volumeId = settings["backend.volume_id"];
  const { isExplicit, replaces, refusals } = decision;
  await insertPodSession(db, {
    id,
    place: placeOfSession({ id, volumeId }),
    volumeId,
    diskGb: settings["backend.disk_gb"],
    requestedAt: now,
    isExplicit,
    replaces,
    refusals,
    phaseMessage: "Renting a GPU.",
  });
  return { pauseMs: 0 };
}

async function tendSession(
  deps: ActivityDeps,
  session: PodSession,
  signal: AbortSignal,
): Promise<NextLook> {
  const { pods } = deps;
  const { podRetryMs, podCheckMs } = timingsOf({ timings: deps.timings });
  if (pods === null) {
    const lastError = `RUNPOD_API_KEY is not set. ${endByHand(session)}`;
    await noteFault(deps, session, { lastError, isKeyRefused: true });
    return { pauseMs: podRetryMs };
  }
  const context = await createPodContext(deps, pods, signal);
  try {
    return await tendByStatus(context, session);
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    log.warn("the provider of pods failed", { fault: error.fault, status: error.status });
    const isKeyRefused = error.status === 401 || error.status === 403;
    const lastError = isKeyRefused ? `${error.message} ${endByHand(session)}` : error.message;
    await noteFault(deps, session, { lastError, isKeyRefused });
    return { pauseMs: error.retryAfterMs ?? podCheckMs };
  }
}

function tendByStatus(context: PodContext, session: PodSession): Promise<NextLook> {
  const { status, podId, madeAt } = session;
  if (status === "creating") return tendCreating(context, session);
  if (podId === null || madeAt === null) throw new Error(`a session that is ${status} has no pod`);
  const made = { ...session, podId, madeAt };
  if (status === "booting" || status === "provisioning") return tendBooting(context, made);
  if (status === "draining") return tendDraining(context, made);
  if (status === "terminating") return tendTerminating(context, made);
  return tendReady(context, made);
}

function endByHand({ podId, podName }: PodSession): string {
  if (podId === null && podName === null) return "No pod was made.";
  const which = podId === null ? `of the name ${podName}, if there is one,` : podId;
  return `Pod ${which} may still run and cost money: end it at https://console.runpod.io/pods, or set a valid key.`;
}

/** A fault of the provider stays visible until the next call succeeds. */
async function noteFault(
  deps: ActivityDeps,
  seen: PodSession,
  fault: { lastError: string; isKeyRefused: boolean },
): Promise<void> {
  const { lastError, isKeyRefused } = fault;
  const isNew = isKeyRefused && !seen.warned.includes(keyRefused);
  await changePodSession(deps.database.db, {
    seen,
    set: { lastError, ...(isNew && { warned: [...seen.warned, keyRefused] }) },
    now: deps.now(),
    ...(isNew && {
      event: (row) => podEvent("pod.key_refused", row),
    }),
  });
}
