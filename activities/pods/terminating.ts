import { endPodSession } from "#db/queries/pods/endings";
import { changePodSession, podEvent } from "#db/queries/pods/sessions";
import type { PodSession } from "#db/schema/pod-sessions";
import type { NextLook, PodContext } from "./context";
import { endOfGonePod, guardPatienceMs } from "./limits";
import { logEnd } from "./log-end";
import { endUnconfirmed } from "./warnings";
import { endingMessage, endMessages, showDuration } from "./words";

/**
 * Ends the pod, for as long as it takes: it has ended when the provider accepted its end and a complete list lacks it. Nothing
 * else counts as an end.
 */
export async function tendTerminating(
  context: PodContext,
  session: PodSession & { podId: string },
): Promise<NextLook> {
  const { db, provider, signal, now, timings, settings } = context;
  const { podId, podName, deleteAcceptedAt } = session;
  const reason = session.endReason ?? "lost";
  await warnOfDelay(context, session);
  // Whether it runs until now, or ended some time ago, decides what it has cost.
  const ranUntilNow = deleteAcceptedAt === null && (await provider.get(podId, signal)) !== null;
  await provider.terminate(podId, signal);
  const listed = (await provider.list(signal)).some(
    ({ id, name }) => id === podId || name === podName,
  );
  // The list may lag behind.
  const isKnown = listed || (await provider.get(podId, signal)) !== null;
  const accepted = { deleteAcceptedAt: deleteAcceptedAt ?? now, lastError: null };
  const set = { ...accepted, ...((isKnown || ranUntilNow) && { seenAt: now }) };
  const seen = await changePodSession(db, { seen: session, set, now });
  if (!seen) return { pauseMs: 0 };
  if (isKnown) return { pauseMs: Math.min(timings.podPollMs, 2_000) };
  const endedAt = endOfGonePod(seen, { patienceMs: guardPatienceMs(settings), now });
  const message = endMessages[reason];
  const ended = await endPodSession(db, { seen, reason, message, endedAt, now });
  if (ended) logEnd(ended);
  return { pauseMs: 0 };
}

async function warnOfDelay({ db, now, timings }: PodContext, session: PodSession): Promise<void> {
  const sinceMs = now.getTime() - session.statusSince.getTime();
  if (sinceMs < timings.podUnconfirmedMs) return;
  const reason = endingMessage(session.endReason ?? "lost");
  const phaseMessage = `${reason} Its end is not confirmed since ${showDuration(sinceMs)}: pod ${session.podId} may still cost money.`;
  const isNew = !session.warned.includes(endUnconfirmed);
  await changePodSession(db, {
    seen: session,
    set: { phaseMessage, ...(isNew && { warned: [...session.warned, endUnconfirmed] }) },
    now,
    ...(isNew && {
      event: (row) => podEvent("pod.end_unconfirmed", row),
    }),
  });
}
