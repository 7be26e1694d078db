import type { CloudName } from "./catalogue.ts";
import type { PodStatus } from "./pod.ts";

/** Every API route that the simulator supports, by a short name that faults and the ledger use. */
export const routes = {
  createPod: "POST /v2/pods",
  listPods: "GET /v2/pods",
  getPod: "GET /v2/pods/{id}",
  updatePod: "PATCH /v2/pods/{id}",
  deletePod: "DELETE /v2/pods/{id}",
  podAction: "POST /v2/pods/{id}/action",
  podLogs: "GET /v2/pods/{id}/logs",
  createVolume: "POST /v2/network-volumes",
  listVolumes: "GET /v2/network-volumes",
  getVolume: "GET /v2/network-volumes/{id}",
  deleteVolume: "DELETE /v2/network-volumes/{id}",
  listGpus: "GET /v2/catalog/gpus",
  listDataCenters: "GET /v2/catalog/datacenters",
  podBilling: "GET /v2/billing/pods",
  volumeBilling: "GET /v2/billing/network-volumes",
  sshKeys: "GET /v2/account/ssh-keys",
  graphql: "POST /graphql",
} as const;

export type RouteName = keyof typeof routes;

/** `processed`: the request takes effect before the fault replaces its answer. */
type RouteFaultKind =
  | { kind: "delay"; delayMs: number } // real milliseconds; processed and answered, but later
  | { kind: "unreachable" } // connection cut before anything is done
  | { kind: "hang" } // neither processed nor answered
  | { kind: "answer_lost" } // processed; connection cut instead of an answer
  | { kind: "request_held" } // not processed before the release
  | { kind: "answer_held" } // processed; answered at the release
  | { kind: "status"; status: number; detail?: string; processed?: boolean }
  | { kind: "rate_limited"; retryAfterSeconds: number }
  | { kind: "html"; status: number; processed?: boolean } // the page of a gateway, or of the edge with status 403
  | { kind: "odd_body"; processed?: boolean }; // 200 with JSON that is not of the route's shape

export type RouteFault = RouteFaultKind & { route: RouteName | "any" };

/** Who sends a request: a person or a program outside, or a container with its own key. */
export type Caller = "outside" | "pod";

/** The faults of the service itself. Without `podId` or `gpu` they concern every pod or type. */
export type ServiceFault =
  | { kind: "key_refused"; key?: string } // 401, although the key was valid
  | { kind: "network_cut"; of?: "api" | "proxy" } // from outside; containers still reach the API
  | { kind: "pod_key_refused" } // REST answers 403 to the key of a pod; GraphQL accepts it
  | { kind: "no_capacity"; gpu?: string; dataCenter?: string; cloud?: CloudName; shown?: "HIGH" }
  | { kind: "pool_closed"; gpu?: string } // 403 on create
  // The pod is made and billed. It appears in the list only `listedAfterMs` later.
  | { kind: "create_fails_with_pod"; status?: number; listedAfterMs?: number }
  | { kind: "list_lags"; lagMs: number } // pods appear in the list, and leave it, that much later
  | { kind: "short_pages"; size: number } // pages shorter than the requested limit
  | { kind: "delete_refused"; status?: number } // by DELETE, action and GraphQL
  | { kind: "delete_ignored" } // 204, but the pod stays
  | { kind: "stuck_provisioning"; gpu?: string }
  | { kind: "container_never_starts"; gpu?: string } // RUNNING with runtime null
  | { kind: "start_refused" } // 400 on the action `start`: the host has no free GPU
  | { kind: "rate_missing"; cost: number | null; podId?: string } // `cost` and `uptime` of running pods are wrong
  | { kind: "proxy_starting"; podId?: string; body: "html" | "empty" } // 200 that is not the container's
  | { kind: "proxy_status"; podId?: string; status: number };

export type Fault = (RouteFault | ServiceFault) & {
  /** How many matching requests or pods pass before the fault is first triggered (default 0). */
  skip?: number;
  /** How often it is triggered (default: always). */
  times?: number;
  /** Simulated milliseconds after which it ends. */
  forMs?: number;
};

export type FaultState = { id: number; fault: Fault; struck: number };

/** One request to the API; `at` is simulated, `receivedAt` real time, both as epoch milliseconds. */
export type LedgerCall = {
  at: number;
  receivedAt: number;
  method: string;
  path: string;
  route: RouteName | "other";
  /** Whose key: an account's by its scope, a pod's, one that is not valid, or none. */
  key: "all" | "read" | "restricted" | "pod" | "unknown" | "none";
  keyPrefix: string;
  /** The pod that the path, the body or the answer names. */
  podId: string | null;
  /** The status answered; null when the connection was cut. */
  status: number | null;
};

/** What a pod cost so far; times as epoch milliseconds, `seconds` from creation to the end of termination. */
export type LedgerPod = {
  id: string;
  name: string;
  gpu: string;
  dataCenter: string;
  volumeId: string | null;
  status: PodStatus;
  /** Simulated time. */
  createdAt: number;
  endedAt: number | null;
  /** Real time. */
  realCreatedAt: number;
  realEndedAt: number | null;
  /** Who ended it. */
  endedBy: Caller | "provider" | null;
  rateUsdPerHour: number;
  /** Simulated seconds in which the GPU was billed. */
  seconds: number;
  gpuUsd: number;
  diskUsd: number;
  totalUsd: number;
  /** Ports of this machine by ports of the container, which the container's programs listen on. */
  ports: Record<number, number>;
  /** How often its start command was run. */
  containerStarts: number;
};

export type GeneratedPicture = {
  podId: string;
  batchId: string;
  itemId: number;
  seed: number | null;
  imageName: string;
};

/** Everything that a test may judge by. */
export type RunpodState = {
  /** Simulated time, epoch milliseconds. */
  now: number;
  timeScale: number;
  proxyUrl: string;
  calls: LedgerCall[];
  pods: LedgerPod[];
  /** The pictures that InvokeAI generated in pods, without intermediate ones. */
  generated: GeneratedPicture[];
  volumes: { id: string; name: string; size: number; totalUsd: number }[];
  totalUsd: number;
  faults: FaultState[];
  held: { route: RouteName | "other"; phase: "request" | "answer" }[];
};

/** What happens to a pod without a request of its owner. */
export type PodEvent =
  | "exit" // stopped by the provider: EXITED
  | "fail" // ERROR
  | "vanish" // evicted or deleted in the console: 404
  | "join_cluster" // absent from the list; its own routes answer 409 to changes
  | "crash"; // the container is killed and started again

/** Requests under `/__control/`, which the real API does not have. */
export const controlPaths = {
  state: "/__control/state",
  faults: "/__control/faults",
  release: "/__control/release",
  podEvent: "/__control/pod-event",
  pods: "/__control/pods",
  advance: "/__control/advance",
  timeScale: "/__control/time-scale",
  timeline: "/__control/timeline",
  balance: "/__control/balance",
} as const;
