import { isReached } from "#activities/pods/limits";
import { findChangedSettings, saveSettings } from "#db/queries/installation/settings";
import { findLivePodSession } from "#db/queries/pods/sessions";
import { readPodSpending } from "#db/queries/pods/spending";
import { toDollars } from "#db/pod-costs";
import { gpuTypes as simulatedTypes } from "#simulators/runpod/catalogue";
import { until } from "#tests/support/wait";
import { persist } from "../user-session";
import type { PodSchedule } from "./schedule";
import { gpuTypes, type PodTestBed } from "./test-bed";

const model = "Lykon/dreamshaper-8";
const startTimeoutMs = 120_000;
/** So long that only a schedule that ends by it meets it. */
const idleMinutes = 30;

/** The budgets of a schedule, in dollars; null: none. */
export type Budgets = { sessionUsd: number | null; monthUsd: number | null };

/** What the owner of the gallery sets, starts and ends. */
export function createOwner(bed: PodTestBed) {
  const { gallery, stack } = bed;
  const { db } = stack.database;

  const set = (change: Parameters<typeof saveSettings>[1]["change"]) =>
    saveSettings(db, { change, now: new Date() });
  const switchMode = (mode: "local" | "remote") =>
    persist(() => gallery.post("/backend/mode", { mode }));
  const startPod = () => persist(() => gallery.post("/backend/pod/start"));
  const stopPod = () => persist(() => gallery.post("/backend/pod/stop"));

  /** Without a look at InvokeAI the gallery does not know its models; they stay known when the pod has ended. */
  async function learnModels(place: PodSchedule["place"]): Promise<void> {
    if (bed.knownPlaces.has(place)) return;
    await startPod();
    const isReady = async () => (await findLivePodSession(db))?.status === "ready";
    await until("a ready pod", isReady, startTimeoutMs);
    const knowsOne = async () =>
      (await gallery.get("/models?base=sd-1")).items.some(
        (each: { usable: boolean }) => each.usable,
      );
    await until("a model", knowsOne, startTimeoutMs);
    await stopPod();
    await until("its end", async () => !(await findLivePodSession(db)), startTimeoutMs);
    bed.knownPlaces.add(place);
  }

  return {
    startPod,

    /** Sets up where the steps of a schedule run. */
    async prepare({ place, budget }: PodSchedule): Promise<Budgets> {
      await set({
        "backend.gpu_types": [...gpuTypes],
        "backend.volume_id": place === "volume" ? bed.volumeId : null,
        "backend.models": [model],
        "backend.idle_timeout_minutes": idleMinutes,
        "backend.max_session_cost_usd": null,
        "backend.max_month_cost_usd": null,
      });
      await switchMode("remote");
      await learnModels(place);
      // Those of the volume are there.
      if (place === "volume") await set({ "backend.models": [] });
      const none = { sessionUsd: null, monthUsd: null };
      if (budget === null) return none;
      const rate = simulatedTypes.find(({ id }) => id === gpuTypes[0])?.secure ?? 0;
      const usd = (rate * budget.lastsMs) / 3_600_000;
      if (budget.of === "session") {
        await set({ "backend.max_session_cost_usd": usd });
        return { ...none, sessionUsd: usd };
      }
      const spent = await readPodSpending(db, { now: new Date(), timeZone: "UTC" });
      await set({ "backend.max_month_cost_usd": toDollars(spent.monthMicros) + usd });
      return { ...none, monthUsd: usd };
    },

    /** No pod is rented any more in this month. */
    async isMonthUsed(): Promise<boolean> {
      const [{ "backend.max_month_cost_usd": limit }, { monthMicros }] = await Promise.all([
        findChangedSettings(db),
        readPodSpending(db, { now: new Date(), timeZone: "UTC" }),
      ]);
      return isReached(limit ?? null, monthMicros);
    },

    /** After a budget was used up. */
    async liftBudgets(): Promise<void> {
      await set({ "backend.max_session_cost_usd": null, "backend.max_month_cost_usd": null });
    },

    /** Ends the pod of the last step, if there is one. */
    async endPod(how: PodSchedule["end"]): Promise<void> {
      if (how === "stopped") await stopPod();
      else if (how === "mode local") await switchMode("local");
      else await set({ "backend.idle_timeout_minutes": 1 });
    },

    /** A minute without work passes. */
    passIdleMinute: () =>
      db.execute(`update pod_sessions set idle_since = idle_since - interval '1 minute'
        where status = 'ready' and idle_since is not null`),
  };
}
