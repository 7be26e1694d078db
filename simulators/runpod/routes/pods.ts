import { json } from "../../invokeai/answers.ts";
import {
  actionBody,
  type CreatePodBody,
  createPodBody,
  readBody,
  updatePodBody,
} from "../create-request.ts";
import { podLogStream } from "../log-stream.ts";
import { checkPortsAndEnv, placePod } from "../placement.ts";
import { listPage } from "../pod-list.ts";
import { legalActions, type Pod, type PodAction, type PodSpec } from "../pod.ts";
import { noContent, Problem } from "../problems.ts";
import type { ApiRequest, Handlers } from "../router.ts";
import type { World } from "../world.ts";

type PodHandlers = Pick<
  Handlers,
  "createPod" | "listPods" | "getPod" | "updatePod" | "deletePod" | "podAction" | "podLogs"
>;

export function createPodHandlers(world: World): PodHandlers {
  const { faults, pods, podJson, balance } = world;

  function podOf({ params }: ApiRequest): Pod {
    const pod = pods.find(params["id"] ?? "");
    if (pod === undefined) throw new Problem(404, "pod not found");
    return pod;
  }

  /** The pod to change. */
  function ownPodOf(request: ApiRequest): Pod {
    const pod = podOf(request);
    if (pod.isClusterMember) throw new Problem(409, "the pod belongs to a cluster");
    return pod;
  }

  function terminate(pod: Pod, request: ApiRequest) {
    const refused = faults.strike("delete_refused");
    if (refused) throw new Problem(refused.status ?? 500, "the pod could not be terminated");
    const isIgnored = faults.strike("delete_ignored") !== undefined;
    if (!isIgnored) pods.terminate(pod, request.identity.kind === "pod" ? "pod" : "outside");
    return noContent;
  }

  function act(pod: Pod, action: Exclude<PodAction, "terminate">) {
    if (pod.locked && action === "stop") throw new Problem(409, "the pod is locked");
    if (action === "start" && faults.strike("start_refused")) {
      throw new Problem(
        400,
        "There are not enough free GPUs on the host machine to start this pod.",
      );
    }
    pods[action](pod);
    return json(podJson(pod));
  }

  return {
    createPod({ body }) {
      const wanted = readBody(body, createPodBody);
      const place = placePod(wanted, world);
      const left = balance.left();
      // An hour of credit is required.
      if (left !== null && left < place.rateUsd) {
        throw new Problem(402, "Your account balance is too low to deploy this pod.");
      }
      const failing = faults.strike("create_fails_with_pod");
      const count = wanted.gpu?.count ?? 1;
      const pod = pods.create(specOf(wanted), place, count, failing?.listedAfterMs ?? 0);
      if (failing) throw new Problem(failing.status ?? 500, "internal error");
      return json(podJson(pod), 201);
    },

    listPods({ url }) {
      const page = listPage(world, url.searchParams);
      // A list that lags behind shows an ended pod as it was.
      const asListed = (pod: Pod): Pod =>
        pod.endedAt === null ? pod : { ...pod, status: "RUNNING" };
      const shown = page.pods.map((pod) => podJson(asListed(pod)));
      return json({ pods: shown, pagination: page.pagination });
    },

    getPod: (request) => json(podJson(podOf(request))),

    updatePod(request) {
      const pod = ownPodOf(request);
      const { locked, ...changes } = readBody(request.body, updatePodBody);
      checkPortsAndEnv(changes);
      if (changes.mounts?.network !== undefined && pod.spec.mounts.network === undefined) {
        throw new Problem(400, "the kind of a mount cannot change");
      }
      const { templateId: _, ...spec } = changes;
      Object.assign(pod.spec, spec);
      pod.locked = locked ?? pod.locked;
      return json(podJson(pod));
    },

    deletePod: (request) => terminate(ownPodOf(request), request),

    podAction(request) {
      const pod = ownPodOf(request);
      const { action } = readBody(request.body, actionBody);
      if (!legalActions[pod.status].includes(action)) {
        throw new Problem(409, `the pod is ${pod.status}: ${action} is not possible now`);
      }
      return action === "terminate" ? terminate(pod, request) : act(pod, action);
    },

    podLogs: (request) => podLogStream(podOf(request).log, request),
  };
}

function specOf(body: CreatePodBody): PodSpec {
  return {
    name: body.name,
    image: body.image ?? "",
    args: body.args ?? "",
    entrypoint: body.entrypoint,
    cmd: body.cmd,
    disk: body.disk ?? 0,
    mounts: body.mounts ?? {},
    ports: body.ports ?? [],
    env: body.env ?? {},
    registry: body.registry ?? null,
    globalNetworking: body.globalNetworking ?? false,
  };
}
