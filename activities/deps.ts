import type { Client } from "@temporalio/client";
import type { Config } from "#config";
import type { Database } from "#db/client";
import type { DecodeLimits } from "#media/pictures/decode-budget";
import type { StoragePlaces } from "#library/create-storage";
import type { Storage } from "#media/storage/storage";
import type { Timings } from "#workflows/timings";
import type { InvokeAiClient } from "./adapters/invokeai/client";
import type { PodProvider } from "./adapters/pods/provider";
import type { PodSecret } from "./pods/secret";

export type PodDeps = Readonly<{
  provider: PodProvider;
  secret: PodSecret;
  installationId: string;
}>;

/** What the activities of one worker share. */
export type ActivityDeps = Readonly<{
  config: Config;
  database: Database;
  storage: Storage;
  /** For a move from one place to another; everything else uses `storage`. */
  places: StoragePlaces;
  decodeLimits: DecodeLimits;
  /** Only for what a workflow cannot do itself: starting missing runs, signalling runs, schedules. */
  temporal: Client;
  /**
   * The client of a place (`local`, a volume, a pod), at its current address, which stays out of workflow histories.
   * Throws ProviderError `away` for a place that is not running, `gone` for one that ended for good.
   */
  invokeai: (place: string) => Promise<InvokeAiClient>;
  /** null: no pod can be rented. */
  pods: PodDeps | null;
  /** Passed to the runs that are started from rows. */
  timings: Partial<Timings>;
  now: () => Date;
  newId: () => string;
}>;
