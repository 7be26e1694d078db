import { controlPaths, type Fault, type HeldStep, type SimulatorState } from "./control.ts";

export type SimulatorControl = ReturnType<typeof createSimulatorControl>;

/** Drives a running simulator from a test; `baseUrl` is the one InvokeAI's routes have. */
export function createSimulatorControl(baseUrl: string) {
  async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
    const response = await fetch(new URL(path, baseUrl), {
      method,
      // Faults and restarts cut connections that idle: none is used again.
      keepalive: false,
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (!response.ok) throw new Error(`${method} ${path}: ${await response.text()}`);
    return (await response.json()) as T;
  }
  const state = () => call<SimulatorState>("GET", controlPaths.state);
  const addFault = async (fault: Fault): Promise<number> =>
    (await call<{ id: number }>("POST", controlPaths.faults, fault)).id;

  return {
    state,
    /** Switches a fault on; the answer is its id in `state().faults`. */
    addFault,
    /** Ends all faults, releases what they held and lets a paused processor run. */
    clearFaults: () => call("DELETE", controlPaths.faults),
    /** Freezes the item at `item` of the next batch before `step`, while it is decoded, or once its image is saved. */
    holdStep: (at: { item?: number; step?: HeldStep } = {}) =>
      addFault({ kind: "step_held", ...at }),
    /** Lets held requests, answers and generation go on. */
    release: () => call("POST", controlPaths.release),
    /** As a kill and a new start: connections cut, running item canceled, pending ones stay. */
    restart: () => call("POST", controlPaths.restart),
    setStepDelay: (stepDelayMs: number) => call("POST", controlPaths.stepDelay, { stepDelayMs }),
    dropSockets: () => call("POST", controlPaths.dropSockets),
    /** Another server behind the same address: no queue, no images, item ids from 1. */
    wipe: () => call("POST", controlPaths.wipe),
    vanishBatch: (batchId: string) => call("POST", controlPaths.vanishBatch, { batchId }),
    /** A LoRA more, told over the socket; answers its key. */
    installModel: async (model: { name: string; base: string }): Promise<string> =>
      (await call<{ key: string }>("POST", controlPaths.installModel, model)).key,
    removeModel: (key: string) => call("POST", controlPaths.removeModel, { key }),
    /** As a new install of the same weights: another key, the same hash. */
    rekeyModel: async (key: string): Promise<string> =>
      (await call<{ key: string }>("POST", controlPaths.rekeyModel, { key })).key,
    /** Ends every token that was issued; with `password` nobody gets in by the old one. */
    changePassword: (password?: string) => call("POST", controlPaths.password, { password }),
    /** Waits until the state satisfies `condition`; throws with the last state after `timeoutMs`. */
    async until(
      condition: (state: SimulatorState) => boolean,
      timeoutMs = 10_000,
    ): Promise<SimulatorState> {
      const deadline = Date.now() + timeoutMs;
      for (;;) {
        const seen = await state();
        if (condition(seen)) return seen;
        if (Date.now() > deadline) {
          throw new Error(`The simulator did not get there: ${JSON.stringify(seen)}`);
        }
        await Bun.sleep(15);
      }
    },
    /** How often a fault has struck. */
    async struck(faultId: number): Promise<number> {
      return (await state()).faults.find(({ id }) => id === faultId)?.struck ?? 0;
    },
  };
}
