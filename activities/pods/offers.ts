import { ProviderError } from "#errors";
import { saveOffers } from "#db/queries/pods/offers";
import type { ActivityDeps } from "../deps";

/** The provider's catalogue, for the owner's choice. */
export function createOfferActivities({ database, pods, now }: ActivityDeps) {
  const { db } = database;
  return {
    /** Stores the catalogue or why it was not read; `offers`: how many GPU types it has, null for none read. */
    async readOffers(_input: object): Promise<{ offers: number | null }> {
      if (pods === null) {
        const lastError = "RUNPOD_API_KEY is not set for the worker; set it and restart.";
        await saveOffers(db, { lastError });
        return { offers: null };
      }
      try {
        const offers = await pods.provider.listOffers(AbortSignal.timeout(15_000));
        await saveOffers(db, { offers, readAt: now() });
        return { offers: offers.length };
      } catch (error) {
        const isTimeout = error instanceof DOMException && error.name === "TimeoutError";
        if (!(error instanceof ProviderError || isTimeout)) throw error;
        const lastError = isTimeout ? "RunPod did not answer in time." : error.message;
        await saveOffers(db, { lastError });
        return { offers: null };
      }
    },
  };
}
