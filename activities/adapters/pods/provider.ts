import type { Provider } from "#errors";

/** Where InvokeAI's image keeps its database, queue, models and pictures. */
export const invokeAiRoot = "/invokeai";

/** On a host with older drivers, the container of InvokeAI's image (6.14, torch with CUDA 12.8) never starts. */
export const minCudaVersion = "12.8";

/**
 * The seam to a provider of rented computers with a GPU. Money is in micro-dollars (1 USD = 1 000 000).
 *
 * Methods throw a `ProviderError` where the provider cannot be reached or refuses; no error text holds a key, an
 * environment or a command.
 */
export type PodProvider = {
  /** As errors name it. */
  name: Provider;
  /** Calls something that costs nothing. @throws ProviderError `rejected` when the key is missing, wrong or too weak */
  checkKey: (signal?: AbortSignal) => Promise<void>;
  /** GPU types with price and stock now. */
  listOffers: (signal?: AbortSignal) => Promise<Offer[]>;
  /**
   * Never throws a ProviderError: an answer that leaves open whether a pod was made is the outcome `unknown`. An abort
   * throws the signal's reason and leaves it open, too.
   */
  create: (order: PodOrder, signal?: AbortSignal) => Promise<CreateOutcome>;
  /** The complete list of the account's pods, strangers' included. @throws ProviderError when any part of it fails */
  list: (signal?: AbortSignal) => Promise<Pod[]>;
  /** null: the provider does not know the pod (any more). */
  get: (podId: string, signal?: AbortSignal) => Promise<Pod | null>;
  /** Returns when the provider has accepted the end, or does not know the pod. It has ended once `list` lacks it. */
  terminate: (podId: string, signal?: AbortSignal) => Promise<void>;
  /** The newest line of the provider's own log of the pod, such as of the image's download; null: none. */
  lastLogLine: (podId: string, signal?: AbortSignal) => Promise<string | null>;
  /** What was billed for the pod in this time; null: nothing is known yet. Bills come late. */
  findBill: (
    query: { podId: string; from: Date; to: Date },
    signal?: AbortSignal,
  ) => Promise<{ micros: number } | null>;
  /** Per hour, for a pod's own disk while it runs: rates and offers leave it out. */
  hourlyDiskMicros: (diskGb: number) => number;
  listVolumes: (signal?: AbortSignal) => Promise<Volume[]>;
  createVolume: (
    order: { name: string; sizeGb: number; dataCenter: string },
    signal?: AbortSignal,
  ) => Promise<Volume>;
  /** Where a port of a pod answers, from anywhere in the world. */
  addressOf: (podId: string, port: number) => string;
  /** How a pod ends itself, from inside; best first. */
  selfEnd: readonly SelfEndRequest[];
};

/** In its texts, `${NAME}` stands for a variable that the provider sets in each pod. */
export type SelfEndRequest = {
  method: "POST" | "DELETE";
  url: string;
  headers: Readonly<Record<string, string>>;
  /** JSON; null: none. */
  body: unknown;
};

export type Stock = "none" | "low" | "medium" | "high";

export type Offer = {
  /** The provider's exact id of the GPU type. */
  gpuType: string;
  /** As people say it. */
  name: string;
  memoryGb: number;
  /** Per hour; null: not sold in this cloud. */
  hourlyMicros: number | null;
  stock: Stock;
  /** Data centres that have it now. */
  dataCenters: { id: string; stock: Stock }[];
};

export type PodOrder = {
  name: string;
  image: string;
  gpuType: string;
  /** null: anywhere. */
  dataCenter: string | null;
  /** A network volume, mounted at InvokeAI's root; null: what the pod holds ends with it. */
  volumeId: string | null;
  /** Of the container, in GB; it ends with the pod. */
  diskGb: number;
  /** Ports that the provider's public proxy serves. */
  ports: number[];
  entrypoint: string[];
  command: string[];
  environment: Record<string, string>;
};

export type Pod = {
  id: string;
  name: string;
  /** `running` says nothing about the program in it. */
  status: "starting" | "running" | "stopped" | "failed";
  /** Whether its container has reported since the start. */
  hasContainer: boolean;
  /** While it runs; null: the provider states none, or 0. */
  hourlyMicros: number | null;
  gpuType: string | null;
  dataCenter: string | null;
  createdAt: Date | null;
};

export type CreateOutcome =
  | { outcome: "made"; pod: Pod }
  | {
      /** Proven: nothing was made. */
      outcome: "refused";
      /**
       * `candidate`: another GPU type or data centre may be accepted. `key`: the key lacks the right. `balance`: no credit.
       * `order`: the order itself is wrong. `rate`: too many requests, again after `retryAfterMs`.
       */
      because: "candidate" | "key" | "balance" | "order" | "rate";
      /** The provider's words, for the owner. */
      detail: string;
      retryAfterMs?: number;
    }
  /** A pod may have been made: look for its name before anything else. */
  | { outcome: "unknown"; detail: string };

export type Volume = { id: string; name: string; sizeGb: number; dataCenter: string };
