import type { Logger } from "pino";
import type { Config } from "#config";
import type { Database } from "#db/client";
import type { DecodeLimits } from "#media/pixel-budget";
import type { Storage } from "#media/storage";
import type { Metrics } from "./metrics";
import type { WorkflowTeller } from "./workflow-teller";

/** All that the routes use of the world. */
export type ApiDeps = Readonly<{
  config: Config;
  database: Database;
  /** Looks, over a connection of its own, whether the database answers; at most 1.5 s. */
  databaseIsAway: () => Promise<boolean>;
  storage: Storage;
  decoding: DecodeLimits;
  temporal: WorkflowTeller;
  log: Logger;
  metrics: Metrics;
  now: () => Date;
  /** A new UUID, increasing with time. */
  newId: () => string;
  /** Aborted when the server is asked to stop: streams that have no end of their own end then. */
  closing: AbortSignal;
}>;
