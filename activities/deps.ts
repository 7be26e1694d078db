import type { Client } from "@temporalio/client";
import type { Config } from "#config";
import type { Database } from "#db/client";
import type { DecodeLimits } from "#media/pixel-budget";
import type { Storage } from "#media/storage";
import type { Timings } from "#workflows/timings";
import type { InvokeAiClient } from "./adapters/invokeai/client";

/** What the activities of one worker share. */
export type ActivityDeps = Readonly<{
  config: Config;
  database: Database;
  storage: Storage;
  decodeLimits: DecodeLimits;
  /** Only for what a workflow cannot do itself: starting runs that the rows ask for. */
  temporal: Client;
  /** The client of a backend by its name (`local`) at its present address, which stays out of workflow histories. */
  invokeai: (backend: string) => Promise<InvokeAiClient>;
  /** Handed to the runs that are started from rows. */
  timings: Partial<Timings>;
  now: () => Date;
  newId: () => string;
}>;
