import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTestDatabase } from "./database";
import { programPath, startProcess } from "./process";
import { until } from "./wait";

/** The api as a listening process with its own database and data folder; it reaches no workflow service. */
export async function startApiProcess(env: Record<string, string> = {}) {
  const database = await createTestDatabase();
  const dataDir = await mkdtemp(join(tmpdir(), "gallery-api-"));
  const child = startProcess(programPath("api"), {
    DATABASE_URL: database.url,
    DATA_DIR: dataDir,
    PORT: "0",
    // The discard port: connections are refused at once.
    TEMPORAL_ADDRESS: "127.0.0.1:9",
    TEST_TIMINGS: "{}",
    ...env,
  });
  const url = await until("an api that listens", () => /"url":"([^"]+)"/.exec(child.output())?.[1]);
  return {
    child,
    database,
    dataDir,
    url,
    /** Resident memory in bytes, as the kernel counts it. */
    memory: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, "utf8");
      return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    },
    stop: async () => {
      await child.kill();
      await database.drop();
      await rm(dataDir, { recursive: true, force: true });
    },
  };
}
