import type { Static } from "@sinclair/typebox";
import { Value } from "@sinclair/typebox/value";
import { ProviderError } from "#errors";
import type { Http } from "../../http";
import {
  type CreateOutcome,
  invokeAiRoot,
  minCudaVersion,
  type Pod,
  type PodOrder,
} from "../provider";
import { readCreateFailure } from "./errors";
import { readPages } from "./pages";
import { parseAnswer, toMicros, WireGpu, WirePod } from "./wire";

const path = "/v2/pods";
const pageSize = 100;
const maxBodyBytes = 102_400;
const maxVariables = 50;
/** A create finds a machine before it answers. */
const createWithinMs = 90_000;

/** Calls about pods. */
export function createPodCalls(http: Http, httpHiding: (secrets: readonly string[]) => Http) {
  return {
    /** Reads as little as possible of what everything else relies on. */
    async checkKey(signal?: AbortSignal): Promise<void> {
      await http.readJson({ path, query: { limit: 1 } }, signal);
    },

    async create(order: PodOrder, signal?: AbortSignal): Promise<CreateOutcome> {
      const body = toBody(order);
      const fault = findFault(order, body);
      if (fault !== undefined) return { outcome: "refused", because: "order", detail: fault };
      const secrets = [...order.command, ...Object.values(order.environment)];
      try {
        const answer = await httpHiding(secrets).readJson(
          { method: "POST", path, json: body, answerWithinMs: createWithinMs, isSentOnce: true },
          signal,
        );
        const pod = toPod(parseAnswer(WirePod, answer));
        if (pod?.name === order.name) return { outcome: "made", pod };
        return { outcome: "unknown", detail: "RunPod answered with another pod than ordered." };
      } catch (error) {
        if (!(error instanceof ProviderError)) throw error;
        return readCreateFailure(error);
      }
    },

    async list(signal?: AbortSignal): Promise<Pod[]> {
      const entries = await readPages(http, { path, key: "pods", limit: pageSize }, signal);
      const pods = entries.map((entry) => toPod(parseAnswer(WirePod, entry)));
      // A pod that moves to a later page meanwhile is listed twice.
      return [...new Map(pods.flatMap((pod) => (pod ? [[pod.id, pod] as const] : []))).values()];
    },

    async get(podId: string, signal?: AbortSignal): Promise<Pod | null> {
      try {
        const answer = await http.readJson({ path: pathOf(podId) }, signal);
        return toPod(parseAnswer(WirePod, answer));
      } catch (error) {
        if (isMissing(error)) return null;
        throw error;
      }
    },

    async terminate(podId: string, signal?: AbortSignal): Promise<void> {
      try {
        await http.readJson({ method: "DELETE", path: pathOf(podId) }, signal);
      } catch (error) {
        if (!isMissing(error)) throw error;
      }
    },
  };
}

/** @returns for a path below the pod's, its start */
export function pathOf(podId: string): string {
  return `${path}/${encodeURIComponent(podId)}`;
}

/** The request for a pod. RunPod refuses unknown fields. */
function toBody(order: PodOrder) {
  const { dataCenter, volumeId } = order;
  return {
    name: order.name,
    image: order.image,
    // Network volumes exist only there.
    cloud: "SECURE",
    // Without a count, no machine matched.
    gpu: { id: order.gpuType, count: 1, minCudaVersion },
    disk: order.diskGb,
    ports: order.ports.map((port) => `${port}/http`),
    ...(dataCenter !== null && { dataCenterIds: [dataCenter.toUpperCase()] }),
    ...(volumeId !== null && { mounts: { network: [{ volumeId, path: invokeAiRoot }] } }),
    entrypoint: order.entrypoint,
    cmd: order.command,
    env: order.environment,
  };
}

function findFault(order: PodOrder, body: object): string | undefined {
  if (Object.keys(order.environment).length > maxVariables) {
    return `A pod has at most ${maxVariables} variables.`;
  }
  const bytes = Buffer.byteLength(JSON.stringify(body));
  return bytes > maxBodyBytes ? `The order of a pod has at most ${maxBodyBytes} bytes.` : undefined;
}

/** null: it has been terminated. */
function toPod(wire: Static<typeof WirePod>): Pod | null {
  if (wire.status === "TERMINATED") return null;
  const { cost, runtime, gpu, dataCenterId, createdAt } = wire;
  const created = new Date(typeof createdAt === "string" ? createdAt : Number.NaN);
  return {
    id: wire.id,
    name: wire.name,
    status: statusOf(wire.status),
    hasContainer:
      typeof runtime === "object" && runtime !== null && Object.keys(runtime).length > 0,
    hourlyMicros: typeof cost === "number" && toMicros(cost) > 0 ? toMicros(cost) : null,
    gpuType: Value.Check(WireGpu, gpu) ? gpu.id : null,
    dataCenter: typeof dataCenterId === "string" ? dataCenterId : null,
    createdAt: Number.isNaN(created.getTime()) ? null : created,
  };
}

function statusOf(status: unknown): Pod["status"] {
  switch (status) {
    case "PROVISIONING":
    case "STARTING":
      return "starting";
    case "EXITED":
      return "stopped";
    case "ERROR":
      return "failed";
    default:
      // A state that is not known counts as one that costs money.
      return "running";
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof ProviderError && error.fault === "missing";
}
