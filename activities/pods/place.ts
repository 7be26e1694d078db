import type { Db, Tx } from "#db/client";
import { getPlaceInForce, lockPlaceInForce, putInForce } from "#db/queries/backends/in-force";
import { getSettings } from "#db/queries/installation/settings";
import { placeMeant } from "#db/queries/pods/place-meant";
import { findLivePodSession, findPodSession } from "#db/queries/pods/sessions";
import { finalPodStatuses, type PodSession } from "#db/schema/pod-sessions";
import type { FindPodAddress } from "../backend/places";
import type { ActivityDeps } from "../deps";
import { invokeAiOn } from "./reach";
import { readStartDecision } from "./start";

/** Puts the place in force that mode, volume and pod lead to; true when it was another one. */
export async function keepPlaceInForce({
  config,
  database: { db },
}: Pick<ActivityDeps, "config" | "database">): Promise<boolean> {
  const readPlace = async (from: Db | Tx) =>
    placeMeant(await getSettings(from, config), await findLivePodSession(from));
  const place = await readPlace(db);
  if ((await getPlaceInForce(db)).ref === place) return false;
  return db.transaction(async (tx) => {
    // The owner's changes take the same lock; what was read before it may be from before such a change.
    await lockPlaceInForce(tx);
    return putInForce(tx, await readPlace(tx));
  });
}

/** Where a rented place answers, or what it waits for. */
export function createFindPodAddress(
  deps: Pick<ActivityDeps, "config" | "database" | "now" | "pods" | "timings">,
): FindPodAddress {
  const { db } = deps.database;
  return async (place) => {
    const live = await findLivePodSession(db);
    if (live?.place === place) {
      const { podId, status } = live;
      const isUp = ["provisioning", "ready", "draining"].includes(status);
      if (isUp && podId !== null && deps.pods !== null) {
        return invokeAiOn(deps.pods, { ...live, podId });
      }
      return { away: live.lastError ?? live.phaseMessage ?? "A GPU is being rented." };
    }
    if (await hasEnded(place)) return { gone: true };
    return { away: live ? describeOther(live) : await explainAbsence() };
  };

  /** A pod without a volume takes what it holds with it. */
  async function hasEnded(place: string): Promise<boolean> {
    const id = /^pod:(.+)$/.exec(place)?.[1];
    if (id === undefined) return false;
    const session = await findPodSession(db, id);
    return session === undefined || finalPodStatuses.some((status) => status === session.status);
  }

  async function explainAbsence(): Promise<string> {
    const decision = await readStartDecision(deps);
    if (decision.start) return "A GPU is about to be rented.";
    return decision.reason ?? "No GPU is rented now; the next request rents one.";
  }
}

function describeOther(live: PodSession): string {
  return live.lastError ?? live.phaseMessage ?? "A GPU is being rented.";
}
