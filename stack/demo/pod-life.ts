import { Refusal } from "../refusal";
import { waitFor } from "../wait";
import type { ApiClient } from "./client";

/** A rented pod, as the API shows it. */
export type PodSession = {
  id: string;
  pod_id: string | null;
  status: string;
  message?: string;
  hourly_rate_usd: number | null;
  seconds: number;
  cost_usd: number;
  overhead_usd: number;
};

type Sessions = { items: PodSession[] };
type Status = { pod?: { idle_seconds: number; stops_at: string | null } };

const everyMs = 200;
const patienceMs = 180_000;

/** Follows the newest pod; prints each change of its state once. */
export function createPodWatch(api: ApiClient) {
  const startedAt = performance.now();
  let shown = "";

  function show(state: string, message: string): void {
    const line = `${state.padEnd(12)}  ${message}`;
    if (line === shown) return;
    shown = line;
    const seconds = ((performance.now() - startedAt) / 1000).toFixed(1).padStart(5);
    console.log(`     ${seconds} s  ${line}`);
  }

  /** The newest pod and its state, as it is shown. */
  async function look(): Promise<{ session: PodSession; state: string } | undefined> {
    const { items } = await api.call<Sessions>("GET", "/backend/pod/sessions?limit=1");
    const [session] = items;
    if (!session) return undefined;
    const { status, message = "Waiting for the worker." } = session;
    const { pod } = await api.call<Status>("GET", "/backend/status");
    const isIdle = status === "ready" && (pod?.idle_seconds ?? 0) > 0;
    if (!isIdle) show(status, message);
    else show("idle", `Nothing uses it: it would be returned at ${timeOf(pod?.stops_at)}.`);
    return { session, state: isIdle ? "idle" : status };
  }

  return {
    /** Waits for a state. @throws Refusal with the reason when the pod ends before */
    until: (state: "ready" | "idle" | "ended"): Promise<PodSession> =>
      waitFor(
        async () => {
          const seen = await look();
          if (seen?.state === state) return seen.session;
          if (seen?.state === "failed" || seen?.state === "ended") {
            throw new Refusal(`The pod is ${seen.state}: ${seen.session.message}`);
          }
          return undefined;
        },
        {
          timeoutMs: patienceMs,
          everyMs,
          onTimeout: () => new Refusal(`The pod was not ${state} in time. Last: ${shown}`),
        },
      ),
  };
}

const timeOf = (moment: string | null | undefined): string =>
  moment ? new Date(moment).toTimeString().slice(0, 8) : "an unknown time";
