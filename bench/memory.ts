import { readFile } from "node:fs/promises";

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
