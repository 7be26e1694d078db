import type { Clock } from "./clock.ts";
import type { Faults } from "./faults.ts";
import { hostCudaVersion } from "./placement.ts";
import { legalActions, type Pod } from "./pod.ts";

/** `uptime` is renewed that often, in simulated time. */
const uptimeCacheMs = 20_000;

export type PodJson = (pod: Pod) => Record<string, unknown>;

/** A pod in the API's format. */
export function createPodJson(clock: Clock, faults: Faults): PodJson {
  return (pod) => {
    const { spec } = pod;
    const runs = pod.status === "RUNNING";
    const wrong = faults.find("rate_missing", (fault) => (fault.podId ?? pod.id) === pod.id);
    const isBilled = pod.status !== "EXITED" && pod.status !== "TERMINATED";
    const rate = isBilled ? pod.rateUsd : 0;
    return {
      id: pod.id,
      name: spec.name,
      status: pod.status,
      actions: legalActions[pod.status],
      image: spec.image,
      args: spec.args,
      ...(spec.entrypoint && { entrypoint: spec.entrypoint }),
      ...(spec.cmd && { cmd: spec.cmd }),
      disk: spec.disk,
      mounts: spec.mounts,
      ports: spec.ports,
      env: spec.env,
      registry: spec.registry,
      cloud: pod.cloud,
      gpu: pod.gpu,
      dataCenterId: pod.status === "PROVISIONING" ? null : pod.dataCenter,
      cudaVersion: pod.status === "PROVISIONING" ? null : hostCudaVersion,
      ssh: { proxy: null, direct: null },
      template: null,
      cost: wrong === undefined ? rate : wrong.cost,
      locked: pod.locked,
      runtime: runs ? describeRuntime(pod, clock.now(), wrong !== undefined) : null,
      createdAt: new Date(pod.createdAt).toISOString(),
      startedAt: pod.startedAt === null ? null : new Date(pod.startedAt).toISOString(),
      ...(pod.isClusterMember && { cluster: { id: `cluster-${pod.id}`, rank: 0 } }),
      globalNetworking: { enabled: spec.globalNetworking },
    };
  };
}

function describeRuntime(pod: Pod, now: number, isWrong: boolean): unknown {
  if (pod.runtimeFrom === null || now < pod.runtimeFrom) return null;
  const seenAt = Math.floor(now / uptimeCacheMs) * uptimeCacheMs;
  const uptimeMs = isWrong ? 0 : Math.max(0, seenAt - (pod.containerStartedAt ?? now));
  return {
    uptime: Math.floor(uptimeMs / 1000),
    gpus: Array.from({ length: pod.gpu.count }, () => ({ util: 0, memoryUtil: 0 })),
    cpu: { util: 1 },
    memory: { util: 4 },
    ports: pod.spec.ports.map((port) => {
      const [number, type] = port.split("/");
      return { private: Number(number), public: null, type, ip: null };
    }),
  };
}
