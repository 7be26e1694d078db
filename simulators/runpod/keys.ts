import type { RouteName } from "./control.ts";
import type { Faults } from "./faults.ts";
import type { Pods } from "./pods.ts";
import { Problem } from "./problems.ts";

/** The rights of a key: all, reading, or the routes that are listed. */
export type KeyScope = "all" | "read" | readonly RouteName[];

/** Whose key a request has. */
export type Identity =
  | { kind: "all" | "read" | "restricted"; scope: KeyScope; key: string }
  | { kind: "pod"; podId: string; key: string }
  | { kind: "unknown"; key: string }
  | { kind: "none"; key: string };

const readRoutes: ReadonlySet<RouteName | "other"> = new Set<RouteName>([
  "listPods",
  "getPod",
  "podLogs",
  "listVolumes",
  "getVolume",
  "listGpus",
  "listDataCenters",
  "podBilling",
  "volumeBilling",
  "sshKeys",
]);

const podRoutes: ReadonlySet<RouteName | "other"> = new Set<RouteName>([
  "getPod",
  "deletePod",
  "podAction",
  "graphql",
]);

export type Keys = ReturnType<typeof createKeys>;

/** The accounts' keys and those of running pods. */
export function createKeys(
  accounts: Readonly<Record<string, KeyScope>>,
  { faults, pods }: { faults: Faults; pods: Pods },
) {
  function identify(headers: Headers, url: URL): Identity {
    const authorization = headers.get("authorization");
    const key = /^Bearer (.+)$/.exec(authorization ?? "")?.[1] ?? url.searchParams.get("api_key");
    if (key === null || key === undefined) return { kind: "none", key: "" };
    if (faults.strike("key_refused", (fault) => (fault.key ?? key) === key)) {
      return { kind: "unknown", key };
    }
    const scope = accounts[key];
    if (scope !== undefined) {
      return { kind: typeof scope === "string" ? scope : "restricted", scope, key };
    }
    const pod = pods.all().find((each) => each.key === key && each.endedAt === null);
    return pod === undefined ? { kind: "unknown", key } : { kind: "pod", podId: pod.id, key };
  }

  return {
    identify,
    /** @throws Problem 401 without a valid key, 403 without the right */
    authorize(identity: Identity, route: RouteName | "other", podId: string | undefined): void {
      if (identity.kind === "none" || identity.kind === "unknown") {
        throw new Problem(
          401,
          identity.kind === "none" ? "missing bearer token" : "invalid api key",
        );
      }
      if (identity.kind === "pod") {
        const isOwn = podId === identity.podId;
        const isRefused = route !== "graphql" && faults.strike("pod_key_refused") !== undefined;
        if (!podRoutes.has(route) || !isOwn || isRefused) throw new Problem(403, "access denied");
        return;
      }
      const { scope } = identity;
      const allows =
        scope === "all" ||
        (scope === "read" ? readRoutes.has(route) : route !== "other" && scope.includes(route));
      if (!allows) throw new Problem(403, "access denied");
    },
  };
}
