import { join } from "node:path";
import { simulatedKey } from "#simulators/runpod/start";
import { prepareRunpodSimulator } from "./simulator";
import { type Environment, logPath, type StackDeps, startPart } from "./stack";

/** Where a simulated RunPod answers and serves the ports of its pods, and its key. */
export type SimulatedRunpod = { apiUrl: string; proxyUrl: string; apiKey: string };

export async function startRunpod(deps: StackDeps): Promise<SimulatedRunpod> {
  const simulator = prepareRunpodSimulator(deps.guardian, {
    root: deps.root,
    dataDir: runpodFolder(deps.folder.path),
    logPath: logPath(deps, "runpod"),
  });
  await startPart(
    deps,
    { name: "RunPod (simulated)", start: simulator.start },
    { kind: "service", graceMs: 3_000 },
  );
  return { apiUrl: simulator.url(), proxyUrl: simulator.proxyUrl(), apiKey: simulatedKey };
}

/** Variables with which a program rents there. */
export const runpodEnvironment = ({ apiUrl, proxyUrl, apiKey }: SimulatedRunpod): Environment => ({
  RUNPOD_API_KEY: apiKey,
  RUNPOD_API_URL: apiUrl,
  RUNPOD_PROXY_URL: proxyUrl,
});

/** Its volumes and pods, in a gallery's data folder. */
export const runpodFolder = (dataDir: string): string => join(dataDir, ".stack/runpod");
