import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { waitFor } from "./wait";

/** Whether the cluster's server accepts connections, by the eighth line of its pid file, as in pg_ctl. */
export async function isReady(cluster: string): Promise<boolean> {
  const lines = await readPidFile(cluster);
  return lines?.[7]?.trim() === "ready";
}

/**
 * Cleans up after a killed server. The caller holds the lock of the data folder, so a server that still runs is an
 * orphan and is stopped. A stale pid file must not block Postgres from starting when another program has that pid, as
 * after a reboot.
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
