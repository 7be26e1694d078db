import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { Connection } from "@temporalio/client";
import { findFreePort } from "#dev/ports";
import { required } from "./environment";
import { until } from "./wait";

/** A start is never what is tested here; on a busy machine it may take its time. */
const startTimeoutMs = 90_000;

/**
 * A Temporal server of a test's own, which it may kill, start again and rob of its database; the address stays.
 * `settings` is the server's dynamic configuration.
 */
export async function startTemporalServer(settings: Record<string, string | number> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "gallery-temporal-"));
  const database = join(folder, "temporal.db");
  const [port, metrics] = [await findFreePort(), await findFreePort()];
  const address = `127.0.0.1:${port}`;
  let server: Subprocess | undefined;

  async function start(): Promise<void> {
    const options = [
      "--headless",
      "--ip",
      "127.0.0.1",
      "--port",
      String(port),
      "--metrics-port",
      String(metrics),
      ...Object.entries(settings).flatMap(([key, value]) => [
        "--dynamic-config-value",
        `${key}=${JSON.stringify(value)}`,
      ]),
    ];
    server = Bun.spawn(
      [
        required("TEST_TEMPORAL_BINARY"),
        "server",
        "start-dev",
        "--db-filename",
        database,
        "--log-level",
        "error",
        ...options,
      ],
      { stdin: "ignore", stdout: "ignore", stderr: "ignore" },
    );
    await until("a Temporal server that answers", isAnswering, startTimeoutMs);
  }

  async function isAnswering(): Promise<boolean> {
    try {
      const connection = await Connection.connect({ address, connectTimeout: "1s" });
      await connection.close();
      return true;
    } catch {
      return false;
    }
  }

  async function kill(): Promise<void> {
    server?.kill("SIGKILL");
    await server?.exited;
  }

  await start();
  return {
    address,
    start,
    kill,
    /** Everything it knew is gone. */
    deleteDatabase: () => rm(database, { force: true }),
    async stop(): Promise<void> {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
