import { readFile } from "node:fs/promises";

/** USER_HZ, which is 100 wherever Linux shows it to programs. */
const ticksPerSecond = 100;

/** Processor time that a process has taken so far, in seconds; undefined where there is no /proc. */
export async function readProcessorTime(pid: number): Promise<number | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name in parentheses may hold spaces; utime and stime are the 14th and 15th field.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields && (Number(fields[11]) + Number(fields[12])) / ticksPerSecond;
}
