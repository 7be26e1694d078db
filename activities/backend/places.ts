import type { Config } from "#config";
import type { Database } from "#db/client";
import { getSettings } from "#db/queries/installation/settings";
import { localPlace } from "#db/schema/backends";
import { ProviderError } from "#errors";
import { createInvokeAiClient, type InvokeAiClient } from "../adapters/invokeai/client";
import type { Credentials } from "../adapters/invokeai/login";
import type { ActivityDeps } from "../deps";
import { noteProgress } from "../heartbeat";

/**
 * Where a rented place answers. `gone`: it ended for good, with all that it held. `away`: it is not running, with what it
 * waits for as a sentence for the user.
 */
type PodAddress = { baseUrl: string; credentials: Credentials } | { gone: true } | { away: string };

export type FindPodAddress = (place: string) => Promise<PodAddress>;

/** Nothing can be rented yet: a pod that a row names belongs to another version and has ended. */
export const findNoPod: FindPodAddress = async (place) =>
  place.startsWith("pod:")
    ? { gone: true }
    : { away: "No GPU is rented, and this server cannot rent one yet; set backend.mode to local." };

/**
 * The clients of all places. The address is looked up for each call: a changed one needs no restart.
 * The lookup throws ProviderError `away` for a place that is not running, and `gone` for one that ended for good.
 */
export function createPlaces(
  config: Config,
  database: Database,
  findPodAddress: FindPodAddress,
): Pick<ActivityDeps, "invokeai"> {
  const { connectionTimeoutMs, readTimeoutMs } = config.invokeai;
  const known = new Map<string, { baseUrl: string; client: InvokeAiClient }>();

  async function findAddress(place: string): Promise<PodAddress> {
    if (place !== localPlace) return findPodAddress(place);
    const baseUrl = (await getSettings(database.db, config))["backend.local_url"];
    return { baseUrl, credentials: config.secrets.invokeaiLogin };
  }

  return {
    async invokeai(place) {
      const address = await findAddress(place);
      if (!("baseUrl" in address)) {
        known.delete(place);
        throw "gone" in address ? gone() : away(address.away);
      }
      const { baseUrl, credentials } = address;
      const kept = known.get(place);
      if (kept?.baseUrl === baseUrl) return kept.client;
      const timeouts = { connectionTimeoutMs, readTimeoutMs };
      const client = createInvokeAiClient({
        baseUrl,
        ...timeouts,
        credentials,
        onWait: noteProgress,
      });
      known.set(place, { baseUrl, client });
      return client;
    },
  };
}

/** Whether the error says that a place ended for good. */
export function isGone(error: unknown): boolean {
  return error instanceof ProviderError && error.fault === "gone";
}

/** Whether a place ended for good. One that is only away may come back. */
export async function hasEnded(
  deps: Pick<ActivityDeps, "invokeai">,
  place: string,
): Promise<boolean> {
  try {
    await deps.invokeai(place);
    return false;
  } catch (error) {
    if (error instanceof ProviderError) return isGone(error);
    throw error;
  }
}

function away(reason: string): ProviderError {
  return new ProviderError({
    provider: "invokeai",
    fault: "away",
    message: reason,
    retryable: true,
  });
}

function gone(): ProviderError {
  return new ProviderError({
    provider: "invokeai",
    fault: "gone",
    message: "The rented GPU has ended.",
    retryable: false,
  });
}
