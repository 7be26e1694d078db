import { createControlCalls } from "../control-calls.ts";
import { controlPaths, type Fault, type HeldStep, type SimulatorState } from "./control.ts";

export type SimulatorControl = ReturnType<typeof createSimulatorControl>;

/** Controls a running simulator from a test; `baseUrl` is that of InvokeAI's routes. */
export function createSimulatorControl(baseUrl: string) {
  const { call, state, addFault, struck, until } = createControlCalls<Fault, SimulatorState>(
    baseUrl,
    controlPaths,
  );

  return {
    state,
    addFault,
    struck,
    until,
    /** Clears all faults, releases what they held and resumes a paused processor. */
    clearFaults: () => call("DELETE", controlPaths.faults),
    /**
     * Freezes the item at position `item` of the next batch: before denoising step `step`, while it is decoded, when
     * its image has a record but no file or half a file, or when it is saved.
     */
    holdStep: (at: { item?: number; step?: HeldStep } = {}) =>
      addFault({ kind: "step_held", ...at }),
    /** Lets held requests, answers and items continue. */
    release: () => call("POST", controlPaths.release),
    /** Like a kill and restart: connections are cut, the running item is canceled, pending items stay. */
    restart: () => call("POST", controlPaths.restart),
    setStepDelay: (stepDelayMs: number) => call("POST", controlPaths.stepDelay, { stepDelayMs }),
    dropSockets: () => call("POST", controlPaths.dropSockets),
    /** Like another server at the same address: no queue, no images, item ids from 1. */
    wipe: () => call("POST", controlPaths.wipe),
    vanishBatch: (batchId: string) => call("POST", controlPaths.vanishBatch, { batchId }),
    /** Adds so many pictures to the gallery, made in the page before now. */
    addPictures: (count: number) => call("POST", controlPaths.addPictures, { count }),
    /** Adds a LoRA and announces it over the socket; returns its key. */
    installModel: async (model: { name: string; base: string }): Promise<string> =>
      (await call<{ key: string }>("POST", controlPaths.addModel, model)).key,
    removeModel: (key: string) => call("POST", controlPaths.removeModel, { key }),
    /** The model stays registered, but its files are gone. */
    loseModelFiles: (key: string) => call("POST", controlPaths.loseModelFiles, { key }),
    /** Like a reinstall of the same weights: another key, the same hash. */
    rekeyModel: async (key: string): Promise<string> =>
      (await call<{ key: string }>("POST", controlPaths.rekeyModel, { key })).key,
    /** Invalidates all tokens; with `password`, also the old password. */
    changePassword: (password?: string) => call("POST", controlPaths.password, { password }),
  };
}
