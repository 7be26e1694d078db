import type { Clock } from "./clock.ts";
import type { Fault, FaultState, RouteFault, RouteName, ServiceFault } from "./control.ts";

type Kind = ServiceFault["kind"];
type OfKind<K extends Kind> = Extract<ServiceFault, { kind: K }>;

type Armed = FaultState & { seen: number; endsAt: number };

export type Faults = ReturnType<typeof createFaults>;

/** The active faults; the oldest match is triggered. */
export function createFaults(clock: Clock) {
  const armed: Armed[] = [];
  let lastId = 0;

  const isLive = ({ struck, fault, endsAt }: Armed): boolean =>
    struck < (fault.times ?? Number.POSITIVE_INFINITY) && clock.now() < endsAt;

  function trigger(entry: Armed): boolean {
    entry.seen += 1;
    if (entry.seen <= (entry.fault.skip ?? 0)) return false;
    entry.struck += 1;
    return true;
  }

  function ofKind<K extends Kind>(kind: K, matches: (fault: OfKind<K>) => boolean): Armed[] {
    return armed.filter(
      (entry) => entry.fault.kind === kind && isLive(entry) && matches(entry.fault as OfKind<K>),
    );
  }

  return {
    add(fault: Fault): number {
      lastId += 1;
      const endsAt = clock.now() + (fault.forMs ?? Number.POSITIVE_INFINITY);
      armed.push({ id: lastId, fault, struck: 0, seen: 0, endsAt });
      return lastId;
    },

    clear(): void {
      armed.length = 0;
    },

    list: (): FaultState[] => armed.map(({ id, fault, struck }) => ({ id, fault, struck })),

    /** The fault for this request, counted as triggered. */
    strikeRoute(route: RouteName | "other"): RouteFault | undefined {
      for (const entry of armed) {
        const { fault } = entry;
        if (!("route" in fault) || !isLive(entry)) continue;
        if (fault.route !== "any" && fault.route !== route) continue;
        if (trigger(entry)) return fault;
      }
      return undefined;
    },

    /** The active fault of a kind that `matches`, not counted. */
    find: <K extends Kind>(
      kind: K,
      matches: (fault: OfKind<K>) => boolean = () => true,
    ): OfKind<K> | undefined => ofKind(kind, matches)[0]?.fault as OfKind<K> | undefined,

    /** The active fault of a kind that `matches`, counted as triggered. */
    strike: <K extends Kind>(
      kind: K,
      matches: (fault: OfKind<K>) => boolean = () => true,
    ): OfKind<K> | undefined => ofKind(kind, matches).find(trigger)?.fault as OfKind<K> | undefined,
  };
}
