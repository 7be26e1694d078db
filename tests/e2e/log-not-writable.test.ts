import { afterAll, expect, test } from "bun:test";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findFreePort } from "#stack/ports";
import { createTestDatabase } from "#tests/support/database";
import { required } from "#tests/support/environment";
import { until } from "#tests/support/wait";

const root = join(import.meta.dir, "../..");
const database = await createTestDatabase();
const dataDir = await mkdtemp(join(tmpdir(), "gallery-log-"));
const children: Bun.Subprocess[] = [];

afterAll(async () => {
  for (const { pid } of children) killGroup(pid);
  await Promise.all(children.map((child) => child.exited));
  await database.drop();
  await rm(dataDir, { recursive: true, force: true });
}, 60_000);

/** A shell and the program that it starts are in one process group. */
function killGroup(pid: number): void {
  try {
    process.kill(-pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

type Log = "full disk" | "pipe without a reader";

/** Starts api or worker with a log that cannot be written. */
function start(program: string, log: Log, env: Record<string, string>): Bun.Subprocess {
  const full = openSync("/dev/full", "w");
  const options = {
    cwd: root,
    env: {
      PATH: required("PATH"),
      HOME: required("HOME"),
      DATABASE_URL: database.url,
      DATA_DIR: dataDir,
      TEMPORAL_ADDRESS: required("TEST_TEMPORAL_ADDRESS"),
      WORKFLOW_BUNDLE: required("TEST_WORKFLOW_BUNDLE"),
      LOG_LEVEL: "debug",
      ...env,
    },
    stdin: "ignore",
    detached: true,
  } as const;
  const command = [process.execPath, "--no-env-file", program];
  const child =
    log === "full disk"
      ? Bun.spawn(command, { ...options, stdout: full, stderr: full })
      : Bun.spawn(["sh", "-c", '"$@" 2>&1 | true', "sh", ...command], options);
  closeSync(full);
  children.push(child);
  return child;
}

test.each<Log>(["full disk", "pipe without a reader"])(
  "api and worker whose log goes to a %s start, work, and count the lost lines",
  async (log) => {
    const port = await findFreePort();
    const url = `http://127.0.0.1:${port}`;
    const api = start("api/server.ts", log, { PORT: String(port) });
    const worker = start("activities/worker.ts", log, {});
    const isReady = async () => {
      const answer = await fetch(`${url}/health/ready`).catch(() => undefined);
      const { status } = ((await answer?.json()) ?? {}) as { status?: string };
      return status === "ok";
    };
    await until("api and worker to be ready", isReady, 60_000);
    // Each of these requests is logged.
    for (let n = 0; n < 20; n += 1) await fetch(`${url}/api/v1/photos/nothing`);
    expect(await isReady()).toBe(true);
    const metrics = await (await fetch(`${url}/metrics`)).text();
    const lost = /^gallery_log_lines_lost_total (\d+)$/m.exec(metrics)?.[1];
    expect(Number(lost)).toBeGreaterThan(0);
    expect([api.exitCode, worker.exitCode]).toEqual([null, null]);
  },
  120_000,
);
