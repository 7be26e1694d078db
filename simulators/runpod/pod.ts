import type { CloudName } from "./catalogue.ts";
import type { Container } from "./containers.ts";
import type { Caller } from "./control.ts";
import type { PodLog } from "./logs.ts";
import type { Meter } from "./meter.ts";

export type PodStatus = "PROVISIONING" | "STARTING" | "RUNNING" | "EXITED" | "ERROR" | "TERMINATED";

export type PodAction = "start" | "stop" | "restart" | "terminate";

/** Which actions each status permits. */
export const legalActions: Readonly<Record<PodStatus, readonly PodAction[]>> = {
  PROVISIONING: ["stop", "terminate"],
  STARTING: ["stop", "terminate"],
  RUNNING: ["stop", "restart", "terminate"],
  EXITED: ["start", "terminate"],
  ERROR: ["start", "terminate"],
  TERMINATED: [],
};

/** Simulated milliseconds of each part of a pod's life. */
export type Timeline = {
  /** PROVISIONING: finding a host. */
  provisioningMs: number;
  /** STARTING: pulling the image. */
  startingMs: number;
  /** From RUNNING and the start of the container until `runtime` is there. */
  runtimeMs: number;
  /** From the request to terminate until the pod is gone and no longer billed. */
  terminatingMs: number;
};

/** What a pod was asked to be. */
export type PodSpec = {
  name: string;
  image: string;
  args: string;
  entrypoint: string[] | undefined;
  cmd: string[] | undefined;
  disk: number;
  mounts: {
    persistent?: { size: number; path: string };
    network?: { volumeId: string; path: string }[];
  };
  ports: string[];
  env: Record<string, string>;
  registry: string | null;
  globalNetworking: boolean;
};

export type Pod = {
  id: string;
  /** The key that its container gets. */
  key: string;
  spec: PodSpec;
  gpu: { id: string; count: number };
  cloud: CloudName;
  dataCenter: string;
  rateUsd: number;
  status: PodStatus;
  locked: boolean;
  createdAt: number;
  realCreatedAt: number;
  /** When the list begins to show it. */
  listedFrom: number;
  startedAt: number | null;
  /** When `runtime` is there; null: never, or not yet known. */
  runtimeFrom: number | null;
  /** When the command was last started. */
  containerStartedAt: number | null;
  containerStarts: number;
  endedAt: number | null;
  realEndedAt: number | null;
  endedBy: Caller | "provider" | null;
  isTerminating: boolean;
  isClusterMember: boolean;
  meter: Meter;
  log: PodLog;
  container: Container | undefined;
  /** Cancels the next part of its life. */
  cancelNext: () => void;
};
