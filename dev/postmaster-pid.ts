import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "./wait";

/** True once the server of this cluster takes connections: the eighth line of its pid file says so, as pg_ctl reads it. */
export async function isReady(cluster: string): Promise<boolean> {
  const lines = await readPidFile(cluster);
  return lines?.[7]?.trim() === "ready";
}

/**
 * Removes what a killed server left behind. The caller holds the lock of the data folder, so nobody uses
 * this cluster by right: a server that still runs is an orphan and is stopped, and a pid that belongs to some other
 * program by now (after a reboot) must not keep Postgres from starting.
 */
export async function clearPostmasterPid(cluster: string): Promise<void> {
  const pid = Number((await readPidFile(cluster))?.[0]);
  if (!Number.isInteger(pid) || pid <= 0) return;
  if (await isServerOf(cluster, pid)) {
    process.kill(pid, "SIGINT");
    await waitFor(async () => ((await isServerOf(cluster, pid)) ? undefined : true), {
      timeoutMs: 10_000,
      onTimeout: () => new Error(`the Postgres server with pid ${pid} does not stop`),
    });
  }
  await rm(join(cluster, "postmaster.pid"), { force: true });
}

async function readPidFile(cluster: string): Promise<string[] | undefined> {
  const text = await readFile(join(cluster, "postmaster.pid"), "utf8").catch(() => undefined);
  return text?.split("\n");
}

async function isServerOf(cluster: string, pid: number): Promise<boolean> {
  const command =
    process.platform === "linux"
      ? await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")
      : Bun.spawnSync(["ps", "-o", "command=", "-p", String(pid)]).stdout.toString();
  return command.includes("postgres") && command.includes(cluster);
}
