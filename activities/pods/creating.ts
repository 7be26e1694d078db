import { log } from "@temporalio/activity";
import { findNewestRequest } from "#db/queries/pods/demand";
import { endPodSession } from "#db/queries/pods/endings";
import { changePodSession, findPodSession } from "#db/queries/pods/sessions";
import type { PodEndReason, PodSession } from "#db/schema/pod-sessions";
import type { CreateOutcome, Pod } from "../adapters/pods/provider";
import { type Candidate, dearestRate, listCandidates, nextCandidate } from "./candidates";
import { findReasonToEnd, type NextLook, type PodContext, rateOf, readSpending } from "./context";
import { buildPodOrder } from "./guard/order";
import { guardPatienceMs, latestEnd } from "./limits";
import { logEnd } from "./log-end";
import { newPodName } from "./names";
import { askMessage, endMessages } from "./words";

const again: NextLook = { pauseMs: 0 };

/** Rents a pod: one create at a time, and none before it is proven that the create before it made no pod. */
export async function tendCreating(context: PodContext, session: PodSession): Promise<NextLook> {
  if (session.createSentAt !== null) return resolveCreate(context, session);
  const reason =
    (await findReasonToEnd(context, session)) ?? (await findLackOfDemand(context, session));
  if (reason !== null) return fail(context, session, reason, endMessages[reason]);
  const wanted = await findWanted(context, session);
  if (wanted === undefined) {
    const message = `The volume ${session.volumeId} does not exist; see backend.volume_id.`;
    return fail(context, session, "order", message);
  }
  const candidates = listCandidates(wanted, await context.provider.listOffers(context.signal));
  const candidate = nextCandidate(candidates, session.refusals);
  if (!candidate) return fail(context, session, "refused", describeRefusals(session));
  const claimed = await claimCreate(context, session, candidate, dearestRate(candidates));
  return claimed ? sendCreate(context, claimed, candidate) : again;
}

async function findLackOfDemand(
  { db }: PodContext,
  session: PodSession,
): Promise<PodEndReason | null> {
  if (session.isExplicit) return null;
  return (await findNewestRequest(db, session.place)) === null ? "unwanted" : null;
}

/** A volume is in one data centre. Undefined when it does not exist. */
async function findWanted({ provider, settings, signal }: PodContext, { volumeId }: PodSession) {
  const gpuTypes = settings["backend.gpu_types"];
  if (volumeId === null) return { gpuTypes, dataCenters: settings["backend.data_centers"] };
  const volume = (await provider.listVolumes(signal)).find(({ id }) => id === volumeId);
  return volume && { gpuTypes, dataCenters: [volume.dataCenter] };
}

function describeRefusals({ refusals }: PodSession): string {
  const last = refusals.at(-1);
  if (!last) return `${endMessages.refused} None of backend.gpu_types is offered.`;
  return `${endMessages.refused} Last answer, for ${last.gpuType}: ${last.detail}`;
}

/** Before the request: whoever finds the claim must look for the pod before anything else. */
async function claimCreate(
  { db, now, deps, installationId, provider }: PodContext,
  seen: PodSession,
  { gpuType, dataCenter }: Candidate,
  rate: number,
): Promise<PodSession | undefined> {
  return changePodSession(db, {
    seen,
    set: {
      attempt: seen.attempt + 1,
      podName: newPodName(installationId, deps.newId()),
      createSentAt: now,
      gpuType,
      dataCenter,
      hourlyMicros: rate + provider.hourlyDiskMicros(seen.diskGb),
      rateIsEstimate: true,
      phaseMessage: askMessage(gpuType, seen.refusals.at(-1)?.gpuType),
      lastError: null,
    },
    now,
  });
}

async function sendCreate(
  context: PodContext,
  session: PodSession,
  { gpuType, dataCenter, hourlyMicros }: Candidate,
): Promise<NextLook> {
  const { provider, settings, signal, secret, now, timings } = context;
  const { podName, volumeId, diskGb } = session;
  const { monthMicros } = await readSpending(context, session);
  // At the limit of a budget this program ends the pod first, after its images were fetched.
  const graceMs = timings.podBudgetDrainMs;
  const order = buildPodOrder(
    {
      name: podName!,
      image: settings["backend.image"],
      gpuType,
      dataCenter,
      volumeId,
      diskGb,
    },
    {
      beatToken: secret.beatTokenOf(session.id),
      admin: secret.administratorOf(session.place),
      silenceSeconds: guardPatienceMs(settings) / 1_000,
      endAt: latestEnd({ limits: settings, hourlyMicros, monthMicros, graceMs, now }),
    },
    provider,
  );
  return recordOutcome(context, session, await provider.create(order, signal));
}

async function recordOutcome(
  context: PodContext,
  session: PodSession,
  outcome: CreateOutcome,
): Promise<NextLook> {
  if (outcome.outcome === "made") return adopt(context, session, outcome.pod);
  if (outcome.outcome === "unknown") {
    log.warn("unknown whether a pod was made", { podName: session.podName, ...outcome });
    const phaseMessage =
      "Renting a GPU: the answer was lost; looking for the pod before another one is asked for.";
    await changePodSession(context.db, { seen: session, set: { phaseMessage }, now: context.now });
    return { pauseMs: context.timings.podPollMs };
  }
  const { because, detail, retryAfterMs } = outcome;
  if (because === "candidate") {
    const { gpuType, dataCenter } = session;
    const refusals = [...session.refusals, { gpuType: gpuType!, dataCenter, detail }];
    await releaseClaim(context, session, { refusals });
    return again;
  }
  if (because === "rate") {
    await releaseClaim(context, session, { lastError: detail });
    return { pauseMs: retryAfterMs ?? context.timings.podRetryMs };
  }
  const released = await releaseClaim(context, session, {});
  if (!released) return again;
  return fail(context, released, because, `${endMessages[because]} ${detail}`);
}

/** Only after an answer that proves that nothing was made. */
function releaseClaim(
  { db, now }: PodContext,
  seen: PodSession,
  set: Partial<Pick<PodSession, "refusals" | "lastError">>,
): Promise<PodSession | undefined> {
  return changePodSession(db, { seen, set: { ...set, createSentAt: null }, now });
}

async function adopt(context: PodContext, seen: PodSession, pod: Pod): Promise<NextLook> {
  const { db, now, provider, signal } = context;
  const adopted = await changePodSession(db, {
    seen,
    set: {
      status: "booting",
      podId: pod.id,
      madeAt: seen.createSentAt,
      dataCenter: pod.dataCenter ?? seen.dataCenter,
      ...rateOf(context, seen, pod),
      phaseMessage: `Starting a pod with ${seen.gpuType}.`,
      lastError: null,
    },
    now,
  });
  if (adopted) {
    const { id, podId, podName, gpuType } = adopted;
    log.info("pod made", { podSessionId: id, podId, podName, gpuType });
    return again;
  }
  const current = await findPodSession(db, seen.id);
  // Another worker has given this create up: its pod belongs to nobody.
  if (current?.podId !== pod.id) await provider.terminate(pod.id, signal);
  return again;
}

/** A create is out whose answer is not known: its pod is looked for by name until it can no longer appear. */
async function resolveCreate(context: PodContext, session: PodSession): Promise<NextLook> {
  const { provider, signal, now, timings } = context;
  const made = (await provider.list(signal)).filter(({ name }) => name === session.podName);
  const [first, ...surplus] = made.toSorted(
    (a, b) => Number(a.status === "failed") - Number(b.status === "failed"),
  );
  for (const pod of surplus) await provider.terminate(pod.id, signal);
  if (first) return adopt(context, session, first);
  const inDoubtUntil = session.createSentAt!.getTime() + timings.podDoubtMs;
  if (now.getTime() < inDoubtUntil) {
    return { pauseMs: Math.min(timings.podPollMs, inDoubtUntil - now.getTime()) };
  }
  await releaseClaim(context, session, {});
  return again;
}

async function fail(
  { db, now }: PodContext,
  seen: PodSession,
  reason: PodEndReason,
  message: string,
): Promise<NextLook> {
  const ended = await endPodSession(db, { seen, reason, message, endedAt: now, now });
  if (ended) logEnd(ended);
  return again;
}
