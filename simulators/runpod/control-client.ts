import { createControlCalls } from "../control-calls.ts";
import { createSimulatorControl, type SimulatorControl } from "../invokeai/control-client.ts";
import {
  controlPaths,
  type Fault,
  type LedgerPod,
  type PodEvent,
  type RunpodState,
} from "./control.ts";
import type { Timeline } from "./pod.ts";

export type RunpodControl = ReturnType<typeof createRunpodControl>;

/** Controls a running simulator from a test; `baseUrl` is that of the API. */
export function createRunpodControl(baseUrl: string) {
  const { call, state, addFault, struck, until } = createControlCalls<Fault, RunpodState>(
    baseUrl,
    controlPaths,
  );

  return {
    state,
    addFault,
    struck,
    until,
    /** Clears all faults and releases what they held. */
    clearFaults: () => call("DELETE", controlPaths.faults),
    /** Lets held requests and answers continue. */
    release: () => call("POST", controlPaths.release),
    /** What a provider or a person at the console does to a pod. */
    strikePod: (podId: string, event: PodEvent) =>
      call("POST", controlPaths.podEvent, { podId, event }),
    /** A pod that is made without the API, such as by another person of the account; no fault concerns it. Returns its id. */
    addPod: async (pod: { name: string; gpu: string }): Promise<string> =>
      (await call<{ id: string }>("POST", controlPaths.pods, pod)).id,
    /** Skips simulated time; containers see it too. */
    advance: (ms: number) => call("POST", controlPaths.advance, { ms }),
    setTimeScale: (scale: number) => call("POST", controlPaths.timeScale, { scale }),
    /** Simulated durations of the lives of pods, from their next change on. */
    setTimeline: (timeline: Partial<Timeline>) => call("POST", controlPaths.timeline, timeline),
    /** The account's credit; null: without limit. */
    setBalance: (usd: number | null) => call("POST", controlPaths.balance, { usd }),
    /** Controls the InvokeAI in a pod, past the proxy; throws when the pod has no container. */
    async invokeAi(podId: string): Promise<SimulatorControl> {
      const port = (await state()).pods.find(({ id }) => id === podId)?.ports[9090];
      if (port === undefined) throw new Error(`pod ${podId} has no container`);
      return createSimulatorControl(`http://127.0.0.1:${port}`);
    },
    /** The pods that exist now, ended ones left out. */
    async livingPods(): Promise<LedgerPod[]> {
      return (await state()).pods.filter(({ endedAt }) => endedAt === null);
    },
  };
}
