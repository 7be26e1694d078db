import { log } from "@temporalio/activity";
import { ProviderError } from "#errors";
import { toDollars } from "#db/pod-costs";
import {
  countUse,
  findNewestRequest,
  findUsualBoot,
  listOpenBatches,
} from "#db/queries/pods/demand";
import { beginDraining } from "#db/queries/pods/endings";
import {
  changePodSession,
  podEvent,
  podEventData,
  type PodSessionChange,
} from "#db/queries/pods/sessions";
import type { PodEndReason, PodSession } from "#db/schema/pod-sessions";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import { provisionModels } from "../models/provision";
import { findReasonToEnd, type NextLook, type PodContext, rateOf, readSpending } from "./context";
import { listNearLimits, reasonToEnd, type Spending } from "./limits";
import { beat, clientOn, doesAnswer } from "./reach";
import { keyRefused } from "./warnings";
import { bootMessage, endingMessage } from "./words";

const again: NextLook = { pauseMs: 0 };
const defaultBootMs = 5 * 60_000;

type Running = PodSession & { podId: string; madeAt: Date };

/** A pod was made; InvokeAI starts on it, and then gets the models that it must have. */
export async function tendBooting(context: PodContext, session: Running): Promise<NextLook> {
  const { db, now, timings, signal } = context;
  const reason = await findReasonToEnd(context, session);
  if (reason !== null) return beginTerminating(context, session, reason);
  const admin = await beat(context, session);
  if (admin === "foreign") return beginTerminating(context, session, "unknown_administrator");
  const seen = await lookAtPod(context, session);
  if (seen.end !== undefined) return beginTerminating(context, session, seen.end);
  const invokeai = clientOn(context, session);
  const change =
    (await doesAnswer(invokeai, signal)) && (await provisioned(context, session, invokeai));
  if (change) {
    const changed = await changePodSession(db, {
      seen: session,
      set: { ...seen.set, ...change },
      now,
      ...announce,
    });
    if (changed?.status === "ready") {
      log.info("pod ready", { podSessionId: session.id, podId: session.podId });
    }
    return { pauseMs: change.status === "ready" ? 0 : timings.podPollMs };
  }
  const silentFor = now.getTime() - (session.answeredAt ?? session.madeAt).getTime();
  if (silentFor >= timings.podBootMs) {
    const lastLogLine = await readLogLine(context, session);
    return beginTerminating(context, session, "boot_timeout", { lastLogLine });
  }
  const bootedFor = now.getTime() - session.madeAt.getTime();
  const phaseMessage = bootMessage(bootedFor, (await findUsualBoot(db)) ?? defaultBootMs);
  await changePodSession(db, { seen: session, set: { ...seen.set, phaseMessage }, now });
  return { pauseMs: timings.podPollMs };
}

const announce = {
  event: (row: PodSession) => podEvent(row.status === "ready" ? "pod.ready" : "pod.changed", row),
};

/** InvokeAI answers: what the session becomes; undefined while it does not list its models. */
async function provisioned(
  { deps, now, settings, signal }: PodContext,
  session: Running,
  invokeai: InvokeAiClient,
): Promise<PodSessionChange | undefined> {
  const pod = { session, invokeai, sources: settings["backend.models"] };
  const models = await provisionModels(deps, pod, signal).catch((error: unknown) => {
    // A fault of InvokeAI, not of the provider: the boot deadline keeps running.
    if (error instanceof ProviderError && error.provider === "invokeai") return undefined;
    throw error;
  });
  if (!models) return undefined;
  if (!models.isDone) {
    return { status: "provisioning", answeredAt: now, phaseMessage: models.message };
  }
  const without = models.failed.length === 0 ? "" : ` Not installed: ${models.failed.join(", ")}.`;
  const phaseMessage = `InvokeAI runs on ${session.gpuType}.${without}`;
  return { status: "ready", readyAt: now, answeredAt: now, phaseMessage };
}

/** Turns are granted on the pod. */
export async function tendReady(context: PodContext, session: Running): Promise<NextLook> {
  const { db, now, timings, settings: limits } = context;
  const spending = await readSpending(context, session);
  await warnOfBudgets(context, session, spending);
  // Before the provider is asked, which may be away: the guard must not end a pod that is in use.
  await beat(context, session);
  const reason = reasonToEnd(session, { limits, spending, now });
  if (reason !== null) {
    const message = `${endingMessage(reason)} Its images are being fetched first.`;
    const draining = await beginDraining(db, { seen: session, reason, message, now });
    if (draining) return again;
  }
  const seen = await lookAtPod(context, session);
  if (seen.end !== undefined) return beginTerminating(context, session, seen.end);
  const answers = await doesAnswer(clientOn(context, session), context.signal);
  const answeredAt = answers || !isWatched(context, session) ? now : session.answeredAt;
  if (now.getTime() - (answeredAt ?? session.madeAt).getTime() >= timings.podBootMs) {
    return beginTerminating(context, session, "unresponsive");
  }
  const use = await countUse(db, session.place);
  const isUsed = use.turns + use.unfetched + use.installs > 0;
  const isBusy = isUsed || (await findNewestRequest(db, session.place)) !== null;
  const idleSince = isBusy ? null : (session.idleSince ?? now);
  await changePodSession(db, { seen: session, set: { ...seen.set, answeredAt, idleSince }, now });
  return { pauseMs: timings.podCheckMs };
}

/** Whether somebody has looked at the pod lately: while no worker runs, nobody knows whether InvokeAI answers. */
function isWatched({ now, timings }: PodContext, { seenAt, madeAt }: Running): boolean {
  return now.getTime() - (seenAt ?? madeAt).getTime() < 4 * timings.podCheckMs;
}

/** No turn is granted any more; what exists is fetched. At a limit what runs is cut short, and its step says why. */
export async function tendDraining(context: PodContext, session: Running): Promise<NextLook> {
  const { db, now, timings } = context;
  const reason = session.endReason ?? "stopped";
  await beat(context, session);
  await cancelBatches(context, session);
  const use = await countUse(db, session.place);
  const isBudget = reason === "session_budget" || reason === "month_budget";
  const limitMs = isBudget ? timings.podBudgetDrainMs : timings.podDrainMs;
  const isLate = now.getTime() - session.statusSince.getTime() >= limitMs;
  if (use.turns + use.unfetched === 0 || isLate) return beginTerminating(context, session, reason);
  const seen = await lookAtPod(context, session);
  if (seen.end !== undefined) return beginTerminating(context, session, reason);
  await changePodSession(db, { seen: session, set: seen.set, now });
  return { pauseMs: Math.min(timings.podPollMs, 2_000) };
}

/** Repeated with each look: a batch may have been on its way. */
async function cancelBatches({ db, deps, signal }: PodContext, { place }: Running): Promise<void> {
  for (const batchId of await listOpenBatches(db, place)) {
    try {
      await (await deps.invokeai(place)).cancelBatch(batchId, signal);
    } catch (error) {
      if (!(error instanceof ProviderError)) throw error;
      log.warn("a batch was not cancelled before its pod ends", { batchId, fault: error.fault });
    }
  }
}

/** What the provider says of the pod: columns to store, or why it ends. */
async function lookAtPod(
  context: PodContext,
  session: Running,
): Promise<{ set: PodSessionChange; end?: undefined } | { end: PodEndReason }> {
  const { provider, signal, now, timings } = context;
  const pod = await provider.get(session.podId, signal);
  if (pod === null) {
    // A pod that was just made may be missing, but not once it was there.
    const isNew = now.getTime() - session.madeAt.getTime() < timings.podDoubtMs;
    return isNew && session.seenAt === null ? { set: {} } : { end: "lost" };
  }
  if (pod.status === "stopped") return { end: "exited" };
  if (pod.status === "failed") return { end: "broken" };
  return {
    set: {
      seenAt: now,
      lastError: null,
      warned: session.warned.filter((each) => each !== keyRefused),
      ...rateOf(context, session, pod),
    },
  };
}

/** The pod ends; from here on nothing but its end is wanted. */
async function beginTerminating(
  { db, now }: PodContext,
  seen: PodSession,
  reason: PodEndReason,
  more: PodSessionChange = {},
): Promise<NextLook> {
  const set = {
    ...more,
    status: "terminating",
    endReason: reason,
    phaseMessage: endingMessage(reason),
    ...(seen.status !== "draining" && { idleSince: now }),
  } as const;
  await changePodSession(db, { seen, set, now });
  return again;
}

async function readLogLine(context: PodContext, { podId }: Running): Promise<string | null> {
  try {
    return await context.provider.lastLogLine(podId, context.signal);
  } catch (error) {
    if (error instanceof ProviderError) return null;
    throw error;
  }
}

async function warnOfBudgets(
  context: PodContext,
  session: Running,
  spending: Spending,
): Promise<void> {
  for (const { limit, limitMicros, micros } of listNearLimits(context.settings, spending)) {
    if (session.warned.includes(limit)) continue;
    await changePodSession(context.db, {
      seen: session,
      set: { warned: [...session.warned, limit] },
      now: context.now,
      event: (row) => ({
        type: "pod.budget_near",
        sessionId: null,
        data: {
          ...podEventData(row),
          limit,
          limit_usd: toDollars(limitMicros),
          cost_usd: toDollars(micros),
        },
      }),
    });
    session.warned.push(limit);
  }
}
