import { json, type Answer } from "../invokeai/answers.ts";
import type { createHolds } from "../invokeai/holds.ts";
import { gpuTypes, priceOf } from "./catalogue.ts";
import { controlPaths, type Fault, type PodEvent, type RunpodState } from "./control.ts";
import type { ControlRequest, Held } from "./http.ts";
import { podAccount } from "./ledger.ts";
import type { Timeline } from "./pod.ts";
import { Problem } from "./problems.ts";
import type { World } from "./world.ts";

/** The parts that the control routes change, besides the shared world. */
export type Controlled = {
  world: World;
  timeline: Timeline;
  held: ReturnType<typeof createHolds<Held>>;
  proxyUrl: () => string;
  /** Cuts the connections that are open from outside. */
  cutConnections: (of: "api" | "proxy" | undefined) => void;
};

/** Serves the requests under `/__control/`. */
export function answerControl(target: Controlled, { method, url, body }: ControlRequest): Answer {
  const { world } = target;
  const done = json({});
  const read = <T>(): T => JSON.parse(body.toString("utf8")) as T;
  switch (`${method} ${url.pathname}`) {
    case `GET ${controlPaths.state}`:
      return json(describeState(target));
    case `POST ${controlPaths.faults}`: {
      const fault = read<Fault>();
      const id = world.faults.add(fault);
      if (fault.kind === "network_cut") target.cutConnections(fault.of);
      return json({ id });
    }
    case `DELETE ${controlPaths.faults}`:
      world.faults.clear();
      target.held.release();
      return done;
    case `POST ${controlPaths.release}`:
      target.held.release();
      return done;
    case `POST ${controlPaths.podEvent}`: {
      const { podId, event } = read<{ podId: string; event: PodEvent }>();
      const pod = world.pods.find(podId);
      if (pod === undefined) throw new Problem(404, "pod not found");
      world.pods.strike(pod, event);
      return done;
    }
    case `POST ${controlPaths.pods}`:
      return json({ id: addPod(world, read<{ name: string; gpu: string }>()).id });
    case `POST ${controlPaths.advance}`:
      world.clock.advance(read<{ ms: number }>().ms);
      return done;
    case `POST ${controlPaths.timeScale}`:
      world.clock.setScale(read<{ scale: number }>().scale);
      return done;
    case `POST ${controlPaths.timeline}`:
      Object.assign(target.timeline, read<Partial<Timeline>>());
      return done;
    case `POST ${controlPaths.balance}`:
      world.balance.set(read<{ usd: number | null }>().usd);
      return done;
    default:
      throw new Problem(404, "no such control route");
  }
}

/** It waits, in the first data centre of its type. */
function addPod({ pods }: World, { name, gpu: id }: { name: string; gpu: string }) {
  const gpu = gpuTypes.find((type) => type.id === id);
  const rateUsd = gpu && priceOf(gpu, "SECURE");
  const dataCenter = gpu?.dataCenters[0];
  if (!gpu || rateUsd === undefined || dataCenter === undefined) {
    throw new Problem(400, `unknown GPU type "${id}"`);
  }
  const spec = {
    name,
    image: "alpine:3",
    args: "",
    entrypoint: ["/bin/sh"],
    cmd: ["-c", "sleep 86400"],
    disk: 10,
    mounts: {},
    ports: [],
    env: {},
    registry: null,
    globalNetworking: false,
  };
  return pods.create(spec, { gpu, cloud: "SECURE", dataCenter, rateUsd }, 1, 0);
}

function describeState({ world, held, proxyUrl }: Controlled): RunpodState {
  const { clock, pods, volumes, ledger, faults, journals } = world;
  const now = clock.now();
  const podAccounts = pods.all().map((pod) => podAccount(pod, now));
  const volumeAccounts = volumes.all().map(({ id, name, size, meter }) => ({
    id,
    name,
    size,
    totalUsd: meter.sum(0, now).totalUsd,
  }));
  return {
    now,
    timeScale: clock.scale(),
    proxyUrl: proxyUrl(),
    calls: ledger.calls,
    pods: podAccounts,
    generated: pods.all().flatMap((pod) => journals.read(pod.id)),
    volumes: volumeAccounts,
    totalUsd: [...podAccounts, ...volumeAccounts].reduce((sum, { totalUsd }) => sum + totalUsd, 0),
    faults: faults.list(),
    held: held.list(),
  };
}
