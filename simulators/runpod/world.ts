import type { Balance } from "./balance.ts";
import type { Clock } from "./clock.ts";
import type { Faults } from "./faults.ts";
import type { Journals } from "./journals.ts";
import type { Ledger } from "./ledger.ts";
import type { PodJson } from "./pod-json.ts";
import type { Pods } from "./pods.ts";
import type { Volumes } from "./volumes.ts";

/** The state shared by the routes. */
export type World = {
  clock: Clock;
  faults: Faults;
  pods: Pods;
  podJson: PodJson;
  volumes: Volumes;
  ledger: Ledger;
  journals: Journals;
  balance: Balance;
  /** Simulated age from which usage appears in the billing routes. */
  billingLagMs: number;
};
