import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Guardian } from "./guardian";
import { lastLines, type RunningProcess, startProcess } from "./process";
import { Refusal } from "./refusal";
import { waitFor } from "./wait";

export type PreparedSimulator = { start: () => Promise<RunningProcess>; url: () => string };

type Simulated = { root: string; dataDir: string; logPath: string };

/** The InvokeAI simulator, with its queue and images in `dataDir`; its URL stays the same across restarts. */
export function prepareInvokeaiSimulator(guardian: Guardian, places: Simulated): PreparedSimulator {
  let url = "";
  const start = async () => {
    const started = await startSimulator(guardian, {
      ...places,
      name: "InvokeAI",
      program: "simulators/invokeai/main.ts",
      args: ["--port", portOf(url)],
    });
    url = started.lines["ready"]!;
    return started.process;
  };
  return { start, url: () => url };
}

// A real pod takes some five minutes. Its clock is the real one, so that costs are those of the time that passes.
const bootSeconds = 8;
const stepDelayMs = 25;

/**
 * The RunPod simulator, whose pods boot within seconds; its volumes and pods are lost when it is restarted, its addresses stay
 * the same.
 */
export function prepareRunpodSimulator(
  guardian: Guardian,
  places: Simulated,
): PreparedSimulator & {
  /** The address of a port of a pod, with `{pod}` and `{port}` in their places. */
  proxyUrl: () => string;
} {
  let [url, proxyUrl] = ["", ""];
  const start = async () => {
    const ports = ["--port", portOf(url), "--proxy-port", portOf(proxyUrl)];
    const started = await startSimulator(guardian, {
      ...places,
      name: "RunPod",
      program: "simulators/runpod/main.ts",
      args: [...ports, "--boot", String(bootSeconds), "--step-delay", String(stepDelayMs)],
    });
    url = started.lines["ready"]!;
    proxyUrl = started.lines["proxy"]!;
    return started.process;
  };
  return { start, url: () => url, proxyUrl: () => proxyUrl };
}

/** Of an address that the simulator had before; 0: any. */
const portOf = (url: string): string => /:(\d+)(\/|$)/.exec(url)?.[1] ?? "0";

/** Starts a simulator; returns the addresses that it prints, by the first word of their line, once it is ready. */
async function startSimulator(
  guardian: Guardian,
  plan: Simulated & { name: string; program: string; args: string[] },
): Promise<{ process: RunningProcess; lines: Record<string, string> }> {
  await mkdir(plan.dataDir, { recursive: true });
  const program = [join(plan.root, plan.program), "--data", plan.dataDir, ...plan.args];
  const simulator = startProcess(guardian, {
    name: `${plan.name} (simulated)`,
    command: [process.execPath, "--no-env-file", ...program],
    env: { PATH: process.env["PATH"] },
    cwd: plan.root,
    logPath: plan.logPath,
    stopSignal: "SIGTERM",
  });
  const failure = () =>
    new Refusal(
      `The simulated ${plan.name} did not start. The end of its output:\n${lastLines(simulator.output())}`,
    );
  const lines = await waitFor(
    () => {
      const printed = simulator.output().matchAll(/^(\w+) (http:\S+)$/gm);
      const addresses = Object.fromEntries([...printed].map(([, word, url]) => [word, url]));
      if ("ready" in addresses) return addresses as Record<string, string>;
      if (simulator.hasExited()) throw failure();
      return undefined;
    },
    { timeoutMs: 20_000, onTimeout: failure },
  ).catch(async (error) => {
    await simulator.stop(1_000);
    throw error;
  });
  return { process: simulator, lines };
}
