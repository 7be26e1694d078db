import type { Clock } from "./clock.ts";
import type { LedgerCall, LedgerPod, RouteName } from "./control.ts";
import type { Identity } from "./keys.ts";
import type { Pod } from "./pod.ts";

const prefixLength = 8;

export type Ledger = ReturnType<typeof createLedger>;

/** Every request, in the order of arrival. */
export function createLedger(clock: Clock) {
  const calls: LedgerCall[] = [];
  return {
    calls,
    open(
      request: { method: string; url: URL },
      route: RouteName | "other",
      identity: Identity,
      podId: string | undefined,
    ): LedgerCall {
      const call: LedgerCall = {
        at: clock.now(),
        receivedAt: Date.now(),
        method: request.method,
        path: request.url.pathname,
        route,
        key: identity.kind,
        keyPrefix: identity.key.slice(0, prefixLength),
        podId: podId ?? null,
        status: null,
      };
      calls.push(call);
      return call;
    },
  };
}

/** What a pod cost until `now`. */
export function podAccount(pod: Pod, now: number): LedgerPod {
  const [mount] = pod.spec.mounts.network ?? [];
  return {
    id: pod.id,
    name: pod.spec.name,
    gpu: pod.gpu.id,
    dataCenter: pod.dataCenter,
    volumeId: mount?.volumeId ?? null,
    status: pod.status,
    createdAt: pod.createdAt,
    endedAt: pod.endedAt,
    realCreatedAt: pod.realCreatedAt,
    realEndedAt: pod.realEndedAt,
    endedBy: pod.endedBy,
    rateUsdPerHour: pod.rateUsd,
    ...pod.meter.sum(pod.createdAt, now),
    ports: pod.container?.ports() ?? {},
    containerStarts: pod.containerStarts,
  };
}
