import type { Fault, FaultState, GenerationFault, RouteFault, RouteName } from "./control.ts";

type GenerationKind = GenerationFault["kind"];
type OfKind<K extends GenerationKind> = Extract<GenerationFault, { kind: K }>;

/** These kinds trigger once unless the fault says otherwise; the others until they are cleared. */
const strikesOnce: ReadonlySet<string> = new Set([
  "item_failure",
  "step_held",
  "batch_vanish",
  "install_failure",
  "install_held",
]);

type Armed = FaultState & { seen: number };

export type Faults = ReturnType<typeof createFaults>;

/** The active faults; the oldest match is triggered. */
export function createFaults() {
  const armed: Armed[] = [];
  let lastId = 0;

  function limitOf(fault: Fault): number {
    const times = "times" in fault ? fault.times : undefined;
    return times ?? (strikesOnce.has(fault.kind) ? 1 : Number.POSITIVE_INFINITY);
  }

  function isLive(entry: Armed): boolean {
    return entry.struck < limitOf(entry.fault);
  }

  return {
    add(fault: Fault): number {
      lastId += 1;
      armed.push({ id: lastId, fault, struck: 0, seen: 0 });
      return lastId;
    },

    clear(): void {
      armed.length = 0;
    },

    list: (): FaultState[] => armed.map(({ id, fault, struck }) => ({ id, fault, struck })),

    hasRouteFaults: (): boolean => armed.some((entry) => "route" in entry.fault && isLive(entry)),

    /** The fault for this request, counted as triggered. */
    strikeRoute(route: RouteName | "other", url: string): RouteFault | undefined {
      for (const entry of armed) {
        const { fault } = entry;
        if (!("route" in fault) || !isLive(entry)) continue;
        if (fault.route !== "any" && fault.route !== route) continue;
        if (fault.urlIncludes !== undefined && !url.includes(fault.urlIncludes)) continue;
        entry.seen += 1;
        if (entry.seen <= (fault.skip ?? 0)) continue;
        entry.struck += 1;
        return fault;
      }
      return undefined;
    },

    /** The active fault of a kind, not counted. */
    find: <K extends GenerationKind>(kind: K): OfKind<K> | undefined =>
      armed.find((entry) => entry.fault.kind === kind && isLive(entry))?.fault as
        | OfKind<K>
        | undefined,

    /** The active fault of a kind that `matches`, counted as triggered. */
    strike<K extends GenerationKind>(
      kind: K,
      matches: (fault: OfKind<K>) => boolean = () => true,
    ): OfKind<K> | undefined {
      const entry = armed.find(
        (candidate) =>
          candidate.fault.kind === kind &&
          isLive(candidate) &&
          matches(candidate.fault as OfKind<K>),
      );
      if (entry === undefined) return undefined;
      entry.struck += 1;
      return entry.fault as OfKind<K>;
    },
  };
}
