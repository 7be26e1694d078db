import { createRunpodProvider } from "#activities/adapters/pods/runpod/client";
import { podNamePrefix } from "#activities/pods/names";
import { ensureInstallation } from "#db/queries/installation/installation";
import { saveSettings } from "#db/queries/installation/settings";
import { listEventsAfter } from "#db/queries/events/events";
import { requestPodStart } from "#db/queries/pods/requests";
import { findLivePodSession, listPodSessions } from "#db/queries/pods/sessions";
import type { EventType } from "#db/schema/events";
import type { PodSession } from "#db/schema/pod-sessions";
import type { SettingValues } from "#db/settings";
import type { LedgerPod } from "#simulators/runpod/control";
import { type RunpodOptions, simulatedKey, startRunpodSimulator } from "#simulators/runpod/start";
import type { Timings } from "#workflows/timings";
import { createActivityBench, timeouts } from "./activities";
import { until } from "./wait";

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const timeline = { provisioningMs: 50, startingMs: 50, runtimeMs: 50, terminatingMs: 50 };

/**
 * The worker's activities with a simulator of RunPod, in the mode `remote`. Time is real, plus what `pass` skips, for them and
 * for RunPod alike.
 */
export async function createPodBench(
  options: { runpod?: RunpodOptions; timings?: Partial<Timings> } = {},
) {
  const runpod = await startRunpodSimulator({ timeline, ...options.runpod });
  const provider = createRunpodProvider({
    apiUrl: runpod.url,
    proxyUrl: runpod.proxyUrl,
    apiKey: simulatedKey,
    ...timeouts,
  });
  const bench = await createActivityBench({}, undefined, {
    provider,
    timings: { podPollMs: 20, ...options.timings },
  });
  const { db } = bench;
  let skippedMs = 0;
  const now = () => new Date(Date.now() + skippedMs);

  const set = (change: Partial<SettingValues>) => saveSettings(db, { change, now: now() });

  async function newest(): Promise<PodSession> {
    const [session] = await listPodSessions(db, { limit: 1 });
    if (!session) throw new Error("no pod was asked for");
    return session;
  }

  /** One step of the pod's life, as the backend's run makes it. */
  function tend() {
    bench.clock.now = now();
    return bench.run("tendPod", {});
  }

  async function tendUntil(
    what: string,
    condition: (session: PodSession) => boolean | Promise<boolean>,
    timeoutMs = 30_000,
  ): Promise<PodSession> {
    let seen: PodSession | undefined;
    return until(
      what,
      async () => {
        await tend();
        seen = await newest();
        return (await condition(seen)) && seen;
      },
      timeoutMs,
      () => JSON.stringify(seen),
    );
  }

  async function pass(ms: number): Promise<void> {
    skippedMs += ms;
    bench.clock.now = now();
    await runpod.control.advance(ms);
  }

  // A month's budget begins anew with the month: not in the middle of a test.
  const today = now();
  const monthEnd = Date.UTC(today.getUTCFullYear(), today.getUTCMonth() + 1);
  if (monthEnd - today.getTime() < 12 * hourMs) await pass(24 * hourMs);
  await set({ "backend.mode": "remote" });
  return {
    ...bench,
    runpod,
    provider,
    now,
    set,
    tend,
    tendUntil,
    newest,
    live: () => findLivePodSession(db),
    /** The newest first. */
    sessions: () => listPodSessions(db, { limit: 100 }),
    /** The owner asks for a pod; returns the session. */
    start: () =>
      requestPodStart(db, { id: crypto.randomUUID(), volumeId: null, diskGb: 40, now: now() }),
    isReady: (session: PodSession) => session.status === "ready",
    isOver: (session: PodSession) => session.status === "ended" || session.status === "failed",
    /** The beginning of the names of this installation's pods. */
    prefix: podNamePrefix((await ensureInstallation(db)).id),
    /** A pod of this name that this program did not make; returns its id. */
    async order(name: string): Promise<string> {
      const made = await provider.create({
        name,
        image: "busybox",
        gpuType: "NVIDIA RTX A4000",
        dataCenter: null,
        volumeId: null,
        diskGb: 10,
        ports: [],
        entrypoint: ["/bin/sh"],
        command: ["-c", "sleep 600"],
        environment: {},
      });
      if (made.outcome !== "made") throw new Error(made.detail);
      return made.pod.id;
    },
    /** Skips time. */
    pass,
    /** The same with a look every 20 min, so that the guard hears from the worker. */
    async passWatched(ms: number): Promise<void> {
      for (let passed = 0; passed < ms; passed += 20 * minuteMs) {
        await pass(20 * minuteMs);
        await tend();
      }
    },
    /** From now on the provider refuses the gallery's key; those of pods stay valid. */
    refuseKey: () => runpod.control.addFault({ kind: "key_refused", key: simulatedKey }),
    /** Every pod that was ever made. */
    pods: async (): Promise<LedgerPod[]> => (await runpod.control.state()).pods,
    /** How many creates were sent. */
    creates: async (): Promise<number> =>
      (await runpod.control.state()).calls.filter(({ route }) => route === "createPod").length,
    async events(type: EventType) {
      const all = await listEventsAfter(db, { afterId: 0, sessionId: null, limit: 10_000 });
      return all.filter((event) => event.type === type);
    },
    async close(): Promise<void> {
      await bench.close();
      await runpod.stop();
    },
  };
}

export type PodBench = Awaited<ReturnType<typeof createPodBench>>;
