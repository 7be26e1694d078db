import { sha256Of } from "#sha256";
import { ObjectStoreFault } from "./fault";
import type { ObjectStore } from "./object-store";

/** Below it are objects of trials, which are neither photos nor backups. */
export const trialFolder = ".trial/";

export const trialSteps = ["write", "read", "list", "delete"] as const;
type TrialStep = (typeof trialSteps)[number];
export type TrialFaults = Partial<Record<TrialStep, ObjectStoreFault>>;

/**
 * Writes a small object, reads it, lists it and deletes it.
 * @returns the steps that failed; without a written object nothing is deleted, and after a step without an answer none is tried
 */
export async function tryObjectStore(store: ObjectStore): Promise<TrialFaults> {
  const key = `${trialFolder}${crypto.randomUUID()}`;
  const text = "Written by ./gallery doctor; it can be deleted.\n";
  const object = { body: new Blob([text]), contentHash: sha256Of(text), onlyNew: true };
  const faults: TrialFaults = {};

  const steps: Record<TrialStep, () => Promise<void>> = {
    write: () => store.put(key, object),
    async read() {
      const found = await store.get(key);
      const kept = found && (await new Response(found.body).text());
      if (!faults.write && kept !== text) throw new ObjectStoreFault("damaged");
    },
    async list() {
      for await (const _ of store.list(key));
    },
    delete: () => store.remove(key),
  };
  for (const step of trialSteps) {
    if (step === "delete" && faults.write) break;
    try {
      await steps[step]();
    } catch (error) {
      if (!(error instanceof ObjectStoreFault)) throw error;
      faults[step] = error;
      if (error.kind === "unreachable") break;
    }
  }
  return faults;
}
