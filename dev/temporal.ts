import { join } from "node:path";
import type { Guardian } from "./guardian";
import { findFreePort } from "./ports";
import { lastLines, type RunningProcess, startProcess } from "./process";
import { diskFull, Refusal, tellsOfFullDisk } from "./refusal";
import { waitFor } from "./wait";

export type LocalTemporal = {
  address: string;
  uiUrl: string;
  /** Starts the server (again, on the same ports) and waits until it is healthy. */
  start: () => Promise<RunningProcess>;
};

/**
 * Prepares Temporal's development server with its web UI on free ports.
 * @param databasePath null: everything in memory
 */
export async function prepareTemporal(
  guardian: Guardian,
  {
    binary,
    databasePath,
    logPath,
  }: { binary: string; databasePath: string | null; logPath: string },
): Promise<LocalTemporal> {
  const port = await findFreePort();
  const uiPort = await findFreePort();
  const address = `127.0.0.1:${port}`;
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  const start = async () => {
    const server = startProcess(guardian, {
      name: "temporal",
      command: [
        binary,
        "server",
        "start-dev",
        "--ip",
        "127.0.0.1",
        "--log-level",
        "warn",
        "--port",
        String(port),
        "--ui-port",
        String(uiPort),
        // Takes some 45 ms off the first activity of a run; newer servers do it by themselves.
        "--dynamic-config-value",
        "system.enableActivityEagerExecution=true",
        ...(databasePath === null ? [] : ["--db-filename", databasePath]),
      ],
      env,
      cwd: join(logPath, ".."),
      logPath,
      stopSignal: "SIGTERM",
    });
    await waitFor(
      async () => {
        if (server.hasExited()) throw failure(server);
        return (await isHealthy(binary, address, env)) ? true : undefined;
      },
      { timeoutMs: 30_000, everyMs: 100, onTimeout: () => failure(server) },
    ).catch(async (error) => {
      await server.stop(1_000);
      throw error;
    });
    return server;
  };
  return { address, uiUrl: `http://127.0.0.1:${uiPort}`, start };
}

async function isHealthy(
  binary: string,
  address: string,
  env: Record<string, string | undefined>,
): Promise<boolean> {
  const command = [binary, "operator", "cluster", "health", "--address", address];
  const options = { env, stdin: "ignore", stdout: "ignore", stderr: "ignore" } as const;
  return (await Bun.spawn(command, options).exited) === 0;
}

function failure(server: RunningProcess): Refusal {
  const output = server.output();
  if (tellsOfFullDisk(output)) return new Refusal(diskFull);
  return new Refusal(`The Temporal server did not start. Its last words:\n${lastLines(output)}`);
}
