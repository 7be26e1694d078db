import { rm } from "node:fs/promises";
import { join } from "node:path";
import { type ContainerDeps, createContainer } from "./containers.ts";
import type { Caller, PodEvent } from "./control.ts";
import type { Faults } from "./faults.ts";
import type { Journals } from "./journals.ts";
import { createPodLog } from "./logs.ts";
import { createMeter, diskUsdPerHour } from "./meter.ts";
import type { Placement } from "./placement.ts";
import type { Pod, PodSpec, Timeline } from "./pod.ts";
import type { Volumes } from "./volumes.ts";

export type Pods = ReturnType<typeof createPods>;

type PodDeps = ContainerDeps & {
  faults: Faults;
  volumes: Volumes;
  journals: Journals;
  timeline: Timeline;
  /** For the files of pods. */
  root: string;
};

const idAlphabet = "abcdefghijklmnopqrstuvwxyz0123456789";

/** All pods, with their life from creation to the end of termination. */
export function createPods(deps: PodDeps) {
  const { clock, faults, volumes, journals, timeline, root } = deps;
  const pods: Pod[] = [];
  const endings = new Set<Promise<void>>();

  function create(spec: PodSpec, place: Placement, count: number, listedAfterMs: number): Pod {
    const now = clock.now();
    const id = Array.from(crypto.getRandomValues(new Uint8Array(14)), (byte) =>
      idAlphabet.charAt(byte % idAlphabet.length),
    ).join("");
    const pod: Pod = {
      id,
      key: `rpa_POD${crypto.randomUUID().replaceAll("-", "").toUpperCase()}`,
      spec,
      gpu: { id: place.gpu.id, count },
      cloud: place.cloud,
      dataCenter: place.dataCenter,
      rateUsd: place.rateUsd,
      status: "PROVISIONING",
      locked: false,
      createdAt: now,
      realCreatedAt: Date.now(),
      listedFrom: now + listedAfterMs,
      startedAt: null,
      runtimeFrom: null,
      containerStartedAt: null,
      containerStarts: 0,
      endedAt: null,
      realEndedAt: null,
      endedBy: null,
      isTerminating: false,
      isClusterMember: false,
      meter: createMeter(),
      log: createPodLog(clock),
      container: undefined,
      cancelNext: () => {},
    };
    pods.push(pod);
    provision(pod);
    return pod;
  }

  function provision(pod: Pod): void {
    pod.status = "PROVISIONING";
    charge(pod, "running");
    if (faults.strike("stuck_provisioning", (fault) => (fault.gpu ?? pod.gpu.id) === pod.gpu.id)) {
      return;
    }
    pod.cancelNext = clock.after(timeline.provisioningMs, () => pullImage(pod));
  }

  function pullImage(pod: Pod): void {
    pod.status = "STARTING";
    pod.log.add("system", `create container ${pod.spec.image}`);
    pod.log.add("system", `pulling image ${pod.spec.image}`);
    pod.cancelNext = clock.after(timeline.startingMs, () => launch(pod));
  }

  function launch(pod: Pod): void {
    pod.status = "RUNNING";
    pod.startedAt = clock.now();
    const isBroken = faults.strike(
      "container_never_starts",
      (fault) => (fault.gpu ?? pod.gpu.id) === pod.gpu.id,
    );
    if (isBroken) {
      pod.log.add(
        "system",
        "error creating container: nvidia-container-cli: unsatisfied condition",
      );
      return;
    }
    pod.log.add("system", `image ${pod.spec.image} is ready`);
    pod.container = createContainer(deps, {
      spec: pod.spec,
      log: pod.log,
      injected: {
        RUNPOD_POD_ID: pod.id,
        RUNPOD_API_KEY: pod.key,
        RUNPOD_DC_ID: pod.dataCenter,
        RUNPOD_GPU_COUNT: String(pod.gpu.count),
        ...volumeVariable(pod),
      },
      disk: join(root, pod.id, `disk-${pod.startedAt}`),
      mounts: mountsOf(pod),
      journalPath: journals.pathOf(pod.id),
      onStart: () => {
        pod.containerStartedAt = clock.now();
        pod.containerStarts += 1;
        pod.runtimeFrom ??= clock.now() + timeline.runtimeMs;
      },
    });
  }

  function mountsOf(pod: Pod): Map<string, string> {
    const { persistent, network = [] } = pod.spec.mounts;
    const mounts = new Map<string, string>();
    if (persistent) mounts.set(persistent.path, join(root, pod.id, "volume"));
    for (const { volumeId, path } of network) {
      const volume = volumes.find(volumeId);
      if (volume) mounts.set(path, volume.folder);
    }
    return mounts;
  }

  function charge(pod: Pod, state: "running" | "stopped"): void {
    const disks = {
      containerGb: pod.spec.disk,
      persistentGb: pod.spec.mounts.persistent?.size ?? 0,
    };
    pod.meter.charge(clock.now(), {
      gpuUsdPerHour: state === "running" ? pod.rateUsd : 0,
      diskUsdPerHour: diskUsdPerHour(disks, state),
    });
  }

  function halt(pod: Pod): void {
    pod.cancelNext();
    pod.runtimeFrom = null;
    const ending = pod.container?.end().finally(() => endings.delete(ending as Promise<void>));
    if (ending) endings.add(ending);
    pod.container = undefined;
  }

  function stop(pod: Pod): void {
    halt(pod);
    pod.status = "EXITED";
    charge(pod, "stopped");
  }

  function remove(pod: Pod, by: Pod["endedBy"]): void {
    if (pod.endedAt !== null) return;
    halt(pod);
    pod.status = "TERMINATED";
    pod.endedAt = clock.now();
    pod.realEndedAt = Date.now();
    pod.endedBy = by;
    pod.meter.charge(pod.endedAt, null);
    void Promise.all(endings)
      .then(() => rm(join(root, pod.id), { recursive: true, force: true, maxRetries: 3 }))
      .catch(console.error);
  }

  return {
    create,
    /** With the ended ones, oldest first. */
    all: (): readonly Pod[] => pods,
    find: (id: string): Pod | undefined =>
      pods.find((pod) => pod.id === id && pod.status !== "TERMINATED"),
    stop,
    start(pod: Pod): void {
      provision(pod);
    },
    restart(pod: Pod): void {
      halt(pod);
      launch(pod);
    },
    /** Billed until it is gone. */
    terminate(pod: Pod, by: Caller): void {
      if (pod.isTerminating) return;
      pod.isTerminating = true;
      clock.after(timeline.terminatingMs, () => remove(pod, by));
    },
    strike(pod: Pod, event: PodEvent): void {
      if (event === "exit") stop(pod);
      else if (event === "vanish") remove(pod, "provider");
      else if (event === "join_cluster") pod.isClusterMember = true;
      else if (event === "crash") pod.container?.crash();
      else {
        halt(pod);
        pod.status = "ERROR";
      }
    },
    /** Kills every container. */
    async endAll(): Promise<void> {
      for (const pod of pods) halt(pod);
      await Promise.all(endings);
    },
  };
}

function volumeVariable({ spec }: Pod): Record<string, string> {
  const [mount] = spec.mounts.network ?? [];
  return mount === undefined ? {} : { RUNPOD_VOLUME_ID: mount.volumeId };
}
