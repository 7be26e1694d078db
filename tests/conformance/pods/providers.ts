import type { PodOrder, PodProvider } from "#activities/adapters/pods/provider";
import { createRunpodProvider } from "#activities/adapters/pods/runpod/client";
import type { Fault, RouteName } from "#simulators/runpod/control";
import { simulatedKey, startRunpodSimulator } from "#simulators/runpod/start";

/** A provider under test, by its simulator. */
export type TestedProvider = { name: string; open: () => Promise<TestBed> };

/** An account at a provider. Its world is told what happens in words that fit every provider. */
export type TestBed = {
  provider: PodProvider;
  /** The same account with another key. */
  providerWith: (key: "wrong" | "read-only") => PodProvider;
  /** Two GPU types that can be rented. */
  gpuTypes: [string, string];
  /** A data centre that has volumes and the first GPU type, and one that has the GPU type, too. */
  dataCenters: [string, string];
  /** Lets something go wrong, until `heal`. */
  cause: (trouble: Trouble) => Promise<void>;
  heal: () => Promise<void>;
  /** What happens to a pod without a request of its owner. */
  strike: (podId: string, event: "stopped" | "failed" | "evicted") => Promise<void>;
  /** Lets time pass at the provider. */
  advance: (ms: number) => Promise<void>;
  setCredit: (usd: number | null) => Promise<void>;
  /** What the provider itself knows of pods; ended ones included. */
  bookkeeping: () => Promise<{ id: string; name: string; isAlive: boolean; micros: number }[]>;
  /** How often the end of a pod was refused since the last `heal`. */
  refusedEnds: () => Promise<number>;
  close: () => Promise<void>;
};

type Call = "create" | "list" | "get" | "terminate";

type Trouble =
  | { is: "sold out"; gpuType: string }
  /** The pod is made, and appears in the list only later. */
  | { is: "create fails with the pod made"; listedAfterMs: number }
  | { is: "answer lost"; of: Call }
  | { is: "unreachable"; of: Call }
  | { is: "gateway page"; of: Call; status: number; skip?: number }
  | { is: "too many requests"; of: Call; retryAfterSeconds: number }
  | { is: "short pages"; size: number }
  | { is: "end refused" }
  /** The pod's own key: what remains is the last of the ways in which a pod ends itself. */
  | { is: "few rights in the pod" }
  | { is: "end accepted without effect" }
  | { is: "no rate shown" }
  | { is: "never boots" };

export const providers: TestedProvider[] = [{ name: "RunPod", open: openRunpod }];

const readOnlyKey = "rpa_READONLYKEY00000000000000000000000000000";

async function openRunpod(): Promise<TestBed> {
  const simulator = await startRunpodSimulator({
    keys: { [simulatedKey]: "all", [readOnlyKey]: "read" },
    timeline: { provisioningMs: 20, startingMs: 50, runtimeMs: 50, terminatingMs: 50 },
    billingLagMs: 3_600_000,
    restartMs: 100,
  });
  const { control } = simulator;
  const provide = (apiKey: string) =>
    createRunpodProvider({
      apiUrl: simulator.url,
      proxyUrl: simulator.proxyUrl,
      apiKey,
      connectionTimeoutMs: 5_000,
      readTimeoutMs: 5_000,
    });
  const events = { stopped: "exit", failed: "fail", evicted: "vanish" } as const;
  return {
    provider: provide(simulatedKey),
    providerWith: (key) => provide(key === "wrong" ? "rpa_WRONG" : readOnlyKey),
    gpuTypes: ["NVIDIA RTX A5000", "NVIDIA RTX A4500"],
    dataCenters: ["US-TX-3", "EU-SE-1"],
    cause: async (trouble) => void (await control.addFault(toFault(trouble))),
    heal: async () => void (await control.clearFaults()),
    strike: async (podId, event) => void (await control.strikePod(podId, events[event])),
    advance: async (ms) => void (await control.advance(ms)),
    setCredit: async (usd) => void (await control.setBalance(usd)),
    async bookkeeping() {
      const { pods } = await control.state();
      return pods.map(({ id, name, endedAt, totalUsd }) => ({
        id,
        name,
        isAlive: endedAt === null,
        micros: Math.round(totalUsd * 1_000_000),
      }));
    },
    async refusedEnds() {
      const { faults } = await control.state();
      const refusing = faults.filter(({ fault }) => fault.kind === "delete_refused");
      return refusing.reduce((sum, { struck }) => sum + struck, 0);
    },
    close: simulator.stop,
  };
}

const routes: Record<Call, RouteName> = {
  create: "createPod",
  list: "listPods",
  get: "getPod",
  terminate: "deletePod",
};

function toFault(trouble: Trouble): Fault {
  switch (trouble.is) {
    case "sold out":
      return { kind: "no_capacity", gpu: trouble.gpuType };
    case "create fails with the pod made":
      return { kind: "create_fails_with_pod", listedAfterMs: trouble.listedAfterMs };
    case "answer lost":
      return { kind: "answer_lost", route: routes[trouble.of] };
    case "unreachable":
      return { kind: "unreachable", route: routes[trouble.of] };
    case "gateway page": {
      const { status, skip = 0 } = trouble;
      return { kind: "html", status, skip, route: routes[trouble.of] };
    }
    case "too many requests": {
      const { retryAfterSeconds } = trouble;
      return { kind: "rate_limited", retryAfterSeconds, route: routes[trouble.of] };
    }
    case "short pages":
      return { kind: "short_pages", size: trouble.size };
    case "end refused":
      return { kind: "delete_refused" };
    case "few rights in the pod":
      return { kind: "pod_key_refused" };
    case "end accepted without effect":
      return { kind: "delete_ignored" };
    case "no rate shown":
      return { kind: "rate_missing", cost: 0 };
    case "never boots":
      return { kind: "container_never_starts" };
  }
}

/** An order of a pod whose command only waits. */
export function waitingPod(bed: TestBed, name: string, changes: Partial<PodOrder> = {}): PodOrder {
  return {
    name,
    image: "ghcr.io/invoke-ai/invokeai:v6.14.2-cuda",
    gpuType: bed.gpuTypes[0],
    dataCenter: null,
    volumeId: null,
    diskGb: 40,
    ports: [9090],
    entrypoint: ["sleep"],
    command: ["1000"],
    environment: {},
    ...changes,
  };
}
