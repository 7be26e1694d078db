import { Context, log } from "@temporalio/activity";
import { claimRetrieval, releaseRetrieval, renewRetrieval } from "#db/queries/steps/retrievals";
import type { Photo } from "#db/schema/photos";
import type { ActivityDeps } from "../deps";

/** For an activity without a heartbeat time-out. */
const defaultLeaseMs = 20_000;

/**
 * Runs `work` while no other activity fetches this photo. The claim lasts for the heartbeat time-out and is renewed, so the
 * claim of a killed worker expires about when its activity is given to another one.
 * @returns undefined when the photo is claimed already, or there is nothing to fetch
 */
export async function withClaim<T>(
  deps: Pick<ActivityDeps, "database">,
  wanted: { photoId: string; untriedOnly: boolean },
  work: (photo: Photo, signal: AbortSignal) => Promise<T>,
  signal: AbortSignal,
): Promise<T | undefined> {
  const { db } = deps.database;
  const { photoId } = wanted;
  const leaseMs = Context.current().info.heartbeatTimeoutMs ?? defaultLeaseMs;
  const claim = { photoId, holder: crypto.randomUUID() };
  const photo = await claimRetrieval(db, { ...wanted, ...claim, leaseMs });
  if (!photo) return undefined;
  const lost = new AbortController();
  const renewal = setInterval(() => {
    renewRetrieval(db, { ...claim, leaseMs })
      .then((isOurs) => isOurs || lost.abort(new Error("Another worker fetches this image now.")))
      // While the database is unreachable, no other worker can take the claim.
      .catch((error: unknown) => void log.debug("claim not renewed", { photoId, error }));
  }, leaseMs / 3);
  try {
    return await work(photo, AbortSignal.any([signal, lost.signal]));
  } finally {
    clearInterval(renewal);
    await releaseRetrieval(db, claim).catch(() => {});
  }
}
