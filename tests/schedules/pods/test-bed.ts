import { podNamePrefix } from "#activities/pods/names";
import type { RunpodControl } from "#simulators/runpod/control-client";
import { simulatedKey } from "#simulators/runpod/start";
import { startTestBed, type TemporalServer, type TestBed, type TestBedOptions } from "../test-bed";
import { podWaits } from "./time";

export type PodTestBed = TestBed & {
  runpod: RunpodControl;
  /** The beginning of the names of this installation's pods. */
  prefix: string;
  volumeId: string;
  /** The places whose models are known. */
  knownPlaces: Set<string>;
};

/** Where the volume is, and each of the types. */
const dataCenter = "EU-RO-1";
/** The first of equal stock is the first candidate. */
export const gpuTypes = [
  "NVIDIA RTX A5000",
  "NVIDIA RTX 4000 Ada Generation",
  "NVIDIA RTX A4500",
] as const;
/** Of the pods that the gallery does not rent. */
export const otherGpuType = "NVIDIA L4";

/** Long enough that a pod can end between two images. */
const stepDelayMs = 150;
const timeline = { provisioningMs: 150, startingMs: 150, runtimeMs: 100, terminatingMs: 150 };
export const usualTerminatingMs = timeline.terminatingMs;

/** Starts a running gallery and an account at RunPod, in which other people have pods, too. */
export async function startPodTestBed(
  server: TemporalServer,
  options: TestBedOptions,
): Promise<PodTestBed> {
  const bed = await startTestBed(server, {
    ...options,
    timings: podWaits,
    runpod: { timeline, stepDelayMs, restartMs: 500 },
  });
  const { runpod, installationId } = bed.stack;
  const response = await fetch(`${runpod.url}/v2/network-volumes`, {
    method: "POST",
    headers: { authorization: `Bearer ${simulatedKey}` },
    body: JSON.stringify({ name: "gallery", size: 10, dataCenter }),
  });
  const { id: volumeId } = (await response.json()) as { id: string };
  // That of another gallery, and one that a person named.
  for (const name of ["gallery-0123456789ab-0123456789abcdef0123", "gallery-of-somebody-else"]) {
    await runpod.control.addPod({ name, gpu: otherGpuType });
  }
  return {
    ...bed,
    runpod: runpod.control,
    prefix: podNamePrefix(installationId),
    volumeId,
    knownPlaces: new Set(),
  };
}
