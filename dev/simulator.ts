import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { Guardian } from "./guardian";
import { lastLines, type RunningProcess, startProcess } from "./process";
import { Refusal } from "./refusal";
import { waitFor } from "./wait";

/** The simulated InvokeAI, keeping its queue and images in `dataDir`; its URL stays the same when it is started again. */
export function prepareSimulator(
  guardian: Guardian,
  places: { root: string; dataDir: string; logPath: string },
): { start: () => Promise<RunningProcess>; url: () => string } {
  let url = "";
  const start = async () => {
    await mkdir(places.dataDir, { recursive: true });
    const port = url === "" ? "0" : new URL(url).port;
    const program = join(places.root, "dev/simulators/invokeai/main.ts");
    const simulator = startProcess(guardian, {
      name: "invokeai (simulated)",
      command: [
        process.execPath,
        "--no-env-file",
        program,
        "--port",
        port,
        "--data",
        places.dataDir,
      ],
      env: { PATH: process.env["PATH"] },
      cwd: places.root,
      logPath: places.logPath,
      stopSignal: "SIGTERM",
    });
    const failure = () =>
      new Refusal(
        `The simulated InvokeAI did not start. Its last words:\n${lastLines(simulator.output())}`,
      );
    url = await waitFor(
      () => {
        const ready = /^ready (http:\S+)/m.exec(simulator.output())?.[1];
        if (ready === undefined && simulator.hasExited()) throw failure();
        return ready;
      },
      { timeoutMs: 20_000, onTimeout: failure },
    ).catch(async (error) => {
      await simulator.stop(1_000);
      throw error;
    });
    return simulator;
  };
  return { start, url: () => url };
}
