import { Gauge } from "prom-client";
import type { Config } from "#config";
import type { Db } from "#db/client";
import { toDollars } from "#db/pod-costs";
import { findLivePodSession } from "#db/queries/pods/sessions";
import { readPodSpending } from "#db/queries/pods/spending";
import { livePodStatuses } from "#db/schema/pod-sessions";
import { inTime } from "./in-time";
import type { Metrics } from "./metrics";

/** Adds state, time and costs of rented pods, read from rows on each scrape. Gauges: a bill may lower a cost. */
export function watchPods({ registry }: Metrics, db: Db, { timeZone }: Config): void {
  const registers = [registry];
  const readSpending = () => inTime(readPodSpending(db, { now: new Date(), timeZone }));
  const state = new Gauge({
    name: "gallery_pod_state",
    help: "1 for the state of the rented pod; none: no pod is rented",
    labelNames: ["state"],
    registers,
    async collect() {
      state.reset();
      const read = await inTime(findLivePodSession(db));
      if (!read) return;
      const current = read.value?.status ?? "none";
      for (const name of ["none", ...livePodStatuses]) {
        state.set({ state: name }, name === current ? 1 : 0);
      }
    },
  });
  const seconds = new Gauge({
    name: "gallery_pod_billed_seconds",
    help: "Time for which pods were rented, of all sessions",
    registers,
    async collect() {
      const read = await readSpending();
      if (read) seconds.set(read.value.lifetimeMs / 1_000);
    },
  });
  const dollars = new Gauge({
    name: "gallery_pod_cost_dollars",
    help: "Cost of rented pods: of the one that runs, of this month, of all",
    labelNames: ["of"],
    registers,
    async collect() {
      dollars.reset();
      const read = await readSpending();
      if (!read) return;
      const { currentMicros, monthMicros, lifetimeMicros } = read.value;
      dollars.set({ of: "session" }, toDollars(currentMicros));
      dollars.set({ of: "month" }, toDollars(monthMicros));
      dollars.set({ of: "lifetime" }, toDollars(lifetimeMicros));
    },
  });
}
