import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { Connection } from "@temporalio/client";
import { findFreePort } from "#stack/ports";
import { required } from "./environment";
import { until } from "./wait";
import { readIfThere } from "./read-if-there";

/** Starting is not what is tested; long enough for a busy machine. */
const startTimeoutMs = 90_000;
const attempts = 10;

/**
 * A Temporal server for one test file, which may kill it, start it again and delete its database; the address stays.
 * `settings` is the server's dynamic configuration.
 */
export async function startTemporalServer(settings: Record<string, string | number> = {}) {
  const folder = await mkdtemp(join(tmpdir(), "gallery-temporal-"));
  const database = join(folder, "temporal.db");
  let [port, metrics] = [0, 0];
  let server: Subprocess | undefined;

  /** False when the server ended: another program took one of its ports first. */
  async function launch(): Promise<boolean> {
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
    const launched = Bun.spawn(
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
    server = launched;
    const state = await until(
      "a Temporal server that answers",
      async () => {
        const answers = await isAnswering();
        if (launched.exitCode !== null) return "ended";
        return answers && "answers";
      },
      startTimeoutMs,
    );
    return state === "answers";
  }

  async function start(): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) if (await launch()) return;
    throw new Error(`no Temporal server keeps running on port ${port}`);
  }

  async function startAnywhere(): Promise<void> {
    for (let attempt = 0; attempt < attempts; attempt++) {
      [port, metrics] = [await findFreePort(), await findFreePort()];
      if (await launch()) return;
    }
    throw new Error("no Temporal server keeps running on any port");
  }

  async function isAnswering(): Promise<boolean> {
    try {
      const connection = await Connection.connect({
        address: `127.0.0.1:${port}`,
        connectTimeout: "1s",
      });
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

  await startAnywhere();
  return {
    address: `127.0.0.1:${port}`,
    start,
    kill,
    /** All that it has stored, as it is on the disk. */
    async readDatabase(): Promise<Buffer> {
      const files = (await readdir(folder)).toSorted();
      return Buffer.concat(await Promise.all(files.map((name) => readIfThere(join(folder, name)))));
    },
    /** Deletes all runs, schedules and namespaces. */
    deleteDatabase: () => rm(database, { force: true }),
    async stop(): Promise<void> {
      await kill();
      await rm(folder, { recursive: true, force: true });
    },
  };
}
