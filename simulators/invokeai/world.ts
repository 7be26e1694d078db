import type { Database } from "bun:sqlite";
import { createAccounts, type AccountOptions, type Accounts } from "./accounts.ts";
import { createFaults, type Faults } from "./faults.ts";
import { createHolds } from "./holds.ts";
import { createImageStore, type ImageStore } from "./images.ts";
import { createModelCatalogue, type ModelCatalogue } from "./models.ts";
import { createNodeCache, type NodeCache } from "./node-cache.ts";
import { createQueue, type Queue } from "./queue.ts";
import type { RouteName, SimulatorState } from "./control.ts";
import { traitsOf, type ApiVersion, type Traits } from "./versions.ts";

type Held = SimulatorState["held"][number];
type Frozen = NonNullable<SimulatorState["frozen"]>;

/** The history for `state` of the control client. */
type Journal = Pick<
  SimulatorState,
  "enqueues" | "generated" | "uploads" | "downloads" | "restarts"
> & { requests: Partial<Record<RouteName | "other", number>> };

/** The state shared by the routes and the runner. */
export type World = {
  traits: Traits;
  accounts: Accounts;
  models: ModelCatalogue;
  queue: Queue;
  images: ImageStore;
  nodeCache: NodeCache;
  faults: Faults;
  heldRequests: ReturnType<typeof createHolds<Held>>;
  heldSteps: ReturnType<typeof createHolds<Frozen>>;
  heldInstalls: ReturnType<typeof createHolds<{ source: string }>>;
  journal: Journal;
  journalPath: string | undefined;
  settings: { stepDelayMs: number; maxQueueSize: number; paused: boolean };
};

type WorldOptions = {
  api: ApiVersion;
  version: string | undefined;
  accounts: AccountOptions | undefined;
  models: "standard" | "installed";
  journalPath: string | undefined;
  stepDelayMs: number;
  maxQueueSize: number;
};

export function createWorld(
  database: Database,
  dataDir: string | undefined,
  { api, version, accounts, models, journalPath, ...settings }: WorldOptions,
): World {
  const traits = { ...traitsOf[api], ...(version !== undefined && { version }) };
  return {
    traits,
    accounts: createAccounts(database, accounts, traits),
    models: createModelCatalogue(models === "standard" ? undefined : database, traits.hasNewBases),
    queue: createQueue(database),
    images: createImageStore(database, dataDir),
    nodeCache: createNodeCache(),
    faults: createFaults(),
    heldRequests: createHolds<Held>(),
    heldSteps: createHolds<Frozen>(),
    heldInstalls: createHolds<{ source: string }>(),
    journalPath,
    journal: {
      requests: {},
      enqueues: [],
      generated: [],
      uploads: [],
      downloads: [],
      restarts: 0,
    },
    settings: { ...settings, paused: false },
  };
}
