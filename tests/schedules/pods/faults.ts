import type { RouteName } from "#simulators/runpod/control";

/** All kinds of faults, in the order of the summary. */
export const podFaultKinds = [
  "worker killed",
  "Temporal away",
  "Temporal lost",
  "Postgres away",
  "create fails",
  "pod made in spite",
  "answer lost",
  "list lags",
  "list page fails",
  "strangers come",
  "pod evicted",
  "pod stopped",
  "pod broken",
  "pod denied",
  "container crashed",
  "never boots",
  "sold out",
  "delete slow",
  "delete refused",
  "delete ignored",
  "key refused",
  "network cut",
  "proxy page",
  "rate limited",
  "pod forgotten",
] as const;

export type PodFaultKind = (typeof podFaultKinds)[number];

/** When a fault strikes: defined by what is visible from outside, so that it means the same on a slow machine. */
export type Moment =
  | { at: "requested"; afterMs: number } // the api has answered 202 to the first step
  | { at: "ordering" } // a create is sent, RunPod has not processed it
  | { at: "ordered" } // RunPod has made the pod, its answer is not sent yet
  | { at: "booting" }
  | { at: "ready" }
  | { at: "drawn"; images: number } // so many images of the schedule exist
  | { at: "ending" } // the session's row has a reason to end
  | { at: "deleting" }; // RunPod has accepted the end, its answer is not sent yet

export type PlannedFault =
  | { kind: "worker killed"; moment: Moment; awayMs: number }
  | { kind: "Temporal away"; moment: Moment; awayMs: number }
  | { kind: "Temporal lost"; moment: Moment; awayMs: number; withWorker: boolean }
  | { kind: "Postgres away"; moment: Moment; awayMs: number }
  | { kind: "create fails"; how: "500" | "502" | "HTML" | "unreachable"; times: number } // without a pod
  | { kind: "pod made in spite"; listedAfterMs: number; strangers: number } // 500; strangers' pods are newer
  | { kind: "answer lost"; route: RouteName; skip: number } // after the request took effect
  | { kind: "list lags"; lagMs: number }
  | { kind: "list page fails"; status: number; skip: number }
  | { kind: "strangers come"; moment: Moment; amount: number }
  | { kind: "pod evicted" | "pod stopped" | "pod broken" | "container crashed"; moment: Moment }
  | { kind: "pod denied"; moment: Moment; times: number } // 404, though it runs
  | { kind: "never boots"; how: "container_never_starts" | "stuck_provisioning" }
  | { kind: "sold out"; what: "first type" | "every type" | "pool" }
  | { kind: "delete slow"; tookMs: number }
  | { kind: "delete refused"; times: number }
  | { kind: "delete ignored"; times: number } // 204, and the pod stays
  | { kind: "key refused"; moment: Moment; forMs: number }
  | { kind: "network cut"; moment: Moment; of: "api" | "proxy"; forMs: number }
  | { kind: "proxy page"; moment: Moment; body: "html" | "empty" | "502"; forMs: number }
  | { kind: "rate limited"; moment: Moment; times: number }
  | { kind: "pod forgotten"; moment: Moment }; // one of our name, which no row knows

/** Describes a fault; equal plans have equal descriptions. */
export function describePodFault(fault: PlannedFault): string {
  const { kind, ...more } = fault;
  const moment = "moment" in more ? ` ${describeMoment(more.moment)}` : "";
  const rest = Object.entries(more)
    .filter(([name]) => name !== "moment")
    .map(([name, value]) => `${name} ${value}`);
  return `${kind}${moment}${rest.length > 0 ? ` (${rest.join(", ")})` : ""}`;
}

function describeMoment(moment: Moment): string {
  switch (moment.at) {
    case "requested":
      return `${moment.afterMs} ms after the first request`;
    case "ordering":
      return "with a create under way";
    case "ordered":
      return "with a pod made and no answer yet";
    case "booting":
      return "while a pod boots";
    case "ready":
      return "with a pod ready";
    case "drawn":
      return `after image ${moment.images}`;
    case "ending":
      return "once the pod is to end";
    case "deleting":
      return "with its end accepted and no answer yet";
  }
}
