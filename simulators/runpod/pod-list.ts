import type { ServiceFault } from "./control.ts";
import type { Pod } from "./pod.ts";
import { Problem } from "./problems.ts";
import type { World } from "./world.ts";

const defaultLimit = 100;
const largestLimit = 1000;

/** One page of the pods that the list shows now, newest first. @throws Problem 422 for an impossible limit */
export function listPage(
  { pods, faults, clock }: World,
  query: URLSearchParams,
): { pods: Pod[]; pagination: { nextCursor: string | null; hasNextPage: boolean } } {
  const limit = Number(query.get("limit") ?? defaultLimit);
  if (!Number.isInteger(limit) || limit < 1 || limit > largestLimit) {
    throw new Problem(422, "invalid request: limit", [`limit: between 1 and ${largestLimit}`]);
  }
  const withMembers = query.get("includeClusterPods") === "true";
  const lag = faults.find("list_lags");
  const listed = pods
    .all()
    .filter((pod) => isListed(pod, clock.now(), lag) && (withMembers || !pod.isClusterMember))
    .toReversed();
  const cursor = query.get("cursor");
  // A cursor is the last pod seen, which may be gone by now: the next page begins with the first older one.
  const last =
    cursor === null ? undefined : pods.all().findIndex(({ id }) => cursor === encode(id));
  if (last === -1) throw new Problem(422, "invalid request: cursor", ["cursor: not one of ours"]);
  const rest = last === undefined ? listed : listed.filter((pod) => pods.all().indexOf(pod) < last);
  const size = Math.min(limit, faults.strike("short_pages")?.size ?? limit);
  const page = rest.slice(0, size);
  const hasNextPage = rest.length > page.length;
  const end = page.at(-1);
  return {
    pods: page,
    pagination: { nextCursor: hasNextPage && end ? encode(end.id) : null, hasNextPage },
  };
}

function isListed(
  pod: Pod,
  now: number,
  lag: Extract<ServiceFault, { kind: "list_lags" }> | undefined,
): boolean {
  const lagMs = lag?.lagMs ?? 0;
  if (now < Math.max(pod.listedFrom, pod.createdAt + lagMs)) return false;
  return pod.endedAt === null || now < pod.endedAt + lagMs;
}

const encode = (id: string): string => Buffer.from(`after:${id}`).toString("base64url");
