import type { Logger } from "pino";
import type { Config } from "#config";
import type { Database } from "#db/client";
import type { Installation } from "#db/schema/installation";
import type { DecodeLimits } from "#media/pictures/decode-budget";
import type { Tracer } from "#tracing/spans";
import type { Storage } from "#media/storage/storage";
import type { FileCache } from "./http/responses/file-cache";
import type { LoginAttempts } from "./http/login-attempts";
import type { Metrics } from "./metrics";
import type { OwnerSessions } from "./http/owner-session";
import type { WorkflowClient } from "./temporal/workflow-client";

/** The cost of argon2id for the passwords of links: memory in KiB, and the number of passes. */
export type PasswordCost = Readonly<{ memoryCost: number; timeCost: number }>;

/** About 60 ms of one core per attempt. */
export const passwordCost: PasswordCost = { memoryCost: 65_536, timeCost: 2 };

/** What `createApp` needs. */
export type ApiDeps = Readonly<{
  config: Config;
  installation: Pick<Installation, "cookieSecret">;
  database: Database;
  /** Checks over a separate connection whether the database answers; takes at most 1.5 s. */
  databaseIsAway: () => Promise<boolean>;
  storage: Storage;
  decodeLimits: DecodeLimits;
  temporal: WorkflowClient;
  passwordCost: PasswordCost;
  log: Logger;
  metrics: Metrics;
  /** null: no traces are wanted. */
  tracer: Tracer | null;
  now: () => Date;
  /** A new UUID of version 4: share pages show photo ids, which must not reveal when a photo was added. */
  newId: () => string;
  /** Aborted when the server is asked to stop: ends streams that would otherwise never end. */
  closing: AbortSignal;
}>;

/** What routes need; one instance for the whole app. */
export type RouteDeps = ApiDeps &
  Readonly<{
    ownerSessions: OwnerSessions;
    loginAttempts: LoginAttempts;
    /** Finds thumbnails and previews; small ones are cached in memory. */
    pictures: FileCache;
  }>;
