import { readdir, readFile } from "node:fs/promises";

const megabyte = 1_000_000;

/**
 * Memory of a process in MB, as counted by Linux: resident now (VmRSS) and at its peak (VmHWM). undefined without
 * /proc.
 */
export async function readMemory(pid: number): Promise<{ now: number; peak: number } | undefined> {
  const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => undefined);
  if (status === undefined) return undefined;
  const field = (name: string) =>
    (Number(new RegExp(`${name}:\\s+(\\d+) kB`).exec(status)?.[1]) * 1024) / megabyte;
  return { now: field("VmRSS"), peak: field("VmHWM") };
}

/** Proportional set size of a process in MB: pages that several processes map count in parts. undefined without /proc. */
export async function readShare(pid: number): Promise<number | undefined> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8").catch(() => "");
  const kilobytes = /^Pss:\s+(\d+) kB/m.exec(rollup)?.[1];
  return kilobytes === undefined ? undefined : (Number(kilobytes) * 1024) / megabyte;
}

export type Process = { pid: number; command: string };

/** A process and all that it started, directly or not; empty without /proc. */
export async function listProcesses(root: number): Promise<Process[]> {
  const pids = (await readdir("/proc").catch(() => [])).map(Number).filter(Number.isInteger);
  const all = await Promise.all(
    pids.map(async (pid) => {
      const status = await readFile(`/proc/${pid}/status`, "utf8").catch(() => "");
      const command = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
      return { pid, command, parent: Number(/^PPid:\s+(\d+)/m.exec(status)?.[1]) };
    }),
  );
  const withChildren = (one: (typeof all)[number]): Process[] => [
    one,
    ...all.filter(({ parent }) => parent === one.pid).flatMap(withChildren),
  ];
  return all.filter(({ pid }) => pid === root).flatMap(withChildren);
}
