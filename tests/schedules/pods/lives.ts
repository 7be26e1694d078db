import type { PodSession } from "#db/schema/pod-sessions";
import type { LedgerPod } from "#simulators/runpod/control";
import type { Played } from "./run";
import { doubtMs, minuteMs } from "./time";

type Span = { from: number; to: number };

/** Restarts of what was stopped, and a reaper that has to wait for its heartbeat time-out of a minute. */
const disturbedMs = 90_000;
const disturbances = ["worker killed", "Temporal away", "Temporal lost", "Postgres away"];
/** While RunPod does not do as it is asked, nothing can be ended. */
const refusals = ["delete refused", "delete ignored", "key refused", "network cut", "rate limited"];
const refusedMs = 20_000;
/** Clocks of one machine. */
const toleranceMs = 250;

/** Pods that run on, that no row owns at the time, or that run beside each other. */
export function findBrokenLives(
  sessions: PodSession[],
  pods: LedgerPod[],
  played: Played,
): string[] {
  const now = Date.now();
  const spans = new Map(
    pods.map((pod) => [pod.id, { from: pod.realCreatedAt, to: pod.realEndedAt ?? now }]),
  );
  return [
    ...sessions
      .filter(({ endedAt }) => endedAt === null)
      .map(({ id, status }) => `session ${id} is still ${status}`),
    ...pods
      .filter(({ endedAt }) => endedAt === null)
      .map(({ id, name, status }) => `pod ${id} (${name}) still lives, ${status}`),
    ...pods.flatMap((pod) => checkOwner(pod)),
    ...pods.flatMap((pod, index) =>
      pods.slice(index + 1).flatMap((other) => checkPair(pod, other)),
    ),
    ...sessions.flatMap((session) => checkReady(session)),
  ];

  function checkOwner({ id, realCreatedAt, realEndedAt }: LedgerPod): string[] {
    const life = { from: realCreatedAt, to: realEndedAt ?? now };
    const owner = sessions.find(({ podId }) => podId === id);
    if (owner) {
      const outsideMs = lengthOf(life) - lengthOf(common(life, spanOf(owner)));
      return outsideMs <= minuteMs + played.stalledMs
        ? []
        : [`pod ${id} was billed for ${outsideMs} ms outside of its session's row`];
    }
    const ownedMs = sessions.reduce(
      (sum, session) => sum + lengthOf(common(life, spanOf(session))),
      0,
    );
    const outsideMs = lengthOf(life) - ownedMs;
    return outsideMs <= minuteMs + unseenMs()
      ? []
      : [`pod ${id} was billed for ${outsideMs} ms outside of all sessions' rows`];
  }

  /** How long a pod that no row names may run until it is found. */
  function unseenMs(): number {
    const { struck, schedule } = played;
    const late = Math.max(
      0,
      ...schedule.faults.map((fault) =>
        fault.kind === "pod made in spite" ? fault.listedAfterMs : 0,
      ),
    );
    const slow = schedule.faults.find((fault) => fault.kind === "delete slow")?.tookMs ?? 0;
    const disturbed = disturbances.some((kind) => struck.has(kind)) ? disturbedMs : 0;
    const refused = refusals.some((kind) => struck.has(kind)) ? refusedMs : 0;
    return late + slow + disturbed + refused + played.stalledMs + minuteMs;
  }

  /** Only a pod that appeared in the list after its create was given up may run beside the next one, until it is reaped. */
  function checkPair(a: LedgerPod, b: LedgerPod): string[] {
    const { forgotten } = played.added;
    if (forgotten.includes(a.id) || forgotten.includes(b.id)) return [];
    const bothMs = lengthOf(common(spans.get(a.id)!, spans.get(b.id)!));
    const isLate = played.schedule.faults.some(
      (fault) => fault.kind === "pod made in spite" && fault.listedAfterMs > doubtMs,
    );
    return bothMs <= (isLate ? minuteMs + unseenMs() : toleranceMs)
      ? []
      : [`pods ${a.id} and ${b.id} ran at the same time for ${bothMs} ms`];
  }

  function checkReady({ id, podId, readyAt }: PodSession): string[] {
    const pod = pods.find((each) => each.id === podId);
    return readyAt !== null && pod?.containerStarts === 0
      ? [`session ${id} was ready, though the container of its pod never started`]
      : [];
  }

  function spanOf({ madeAt, requestedAt, endedAt }: PodSession): Span {
    return { from: (madeAt ?? requestedAt).getTime(), to: endedAt?.getTime() ?? now };
  }
}

const common = (a: Span, b: Span): Span => ({
  from: Math.max(a.from, b.from),
  to: Math.min(a.to, b.to),
});

const lengthOf = ({ from, to }: Span): number => Math.max(to - from, 0);
