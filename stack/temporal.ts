import { join } from "node:path";
import type { Guardian } from "./guardian";
import { findFreePort } from "./ports";
import { lastLines, type RunningProcess, startProcess } from "./process";
import { diskFull, Refusal, reportsFullDisk } from "./refusal";
import { waitFor } from "./wait";

export type LocalTemporal = {
  address: string;
  /** Starts the server (again, on the same ports) and waits until it is healthy. */
  start: () => Promise<RunningProcess>;
};

/** The address and path of its web UI. */
export type UiPlace = { ip: string; port: number; path: string };

/**
 * Prepares Temporal's development server on free ports.
 * @param places.databasePath null: everything in memory
 * @param places.ui null: without its web UI
 */
export async function prepareTemporal(
  guardian: Guardian,
  {
    binary,
    databasePath,
    logPath,
    ui,
  }: { binary: string; databasePath: string | null; logPath: string; ui: UiPlace | null },
): Promise<LocalTemporal> {
  const port = await findFreePort();
  const address = `127.0.0.1:${port}`;
  const env = { PATH: process.env["PATH"], HOME: process.env["HOME"] };
  const uiOptions =
    ui === null
      ? ["--headless"]
      : ["--ui-ip", ui.ip, "--ui-port", String(ui.port), "--ui-public-path", ui.path];
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
        ...uiOptions,
        // Its HTTP interface, on a separate port, would be open to any site by DNS rebinding.
        "--dynamic-config-value",
        'frontend.httpAllowedHosts=["gallery.invalid"]',
        // Saves some 45 ms for the first activity of a run; newer servers do this by default.
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
  return { address, start };
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
  if (reportsFullDisk(output)) return new Refusal(diskFull);
  return new Refusal(
    `The Temporal server did not start. The end of its output:\n${lastLines(output)}`,
  );
}
