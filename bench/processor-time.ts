import { readdir, readFile } from "node:fs/promises";

/** Linux counts processor time in hundredths of a second. */
const ticksASecond = 100;

type Process = { pid: number; parent: number; seconds: number };

/** Processor time that a process and all below it have taken, in seconds; undefined where there is no /proc. */
export async function readProcessorSeconds(pid: number): Promise<number | undefined> {
  const all = await listProcesses();
  const root = all.find((process) => process.pid === pid);
  if (root === undefined) return undefined;
  const sum = ({ pid: id, seconds }: Process): number =>
    all.reduce((total, each) => (each.parent === id ? total + sum(each) : total), seconds);
  return sum(root);
}

async function listProcesses(): Promise<Process[]> {
  const names = await readdir("/proc").catch(() => []);
  const found = await Promise.all(names.filter((name) => /^\d+$/.test(name)).map(readProcess));
  return found.filter((process) => process !== undefined);
}

async function readProcess(pid: string): Promise<Process | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined);
  // The name of the program, in brackets, may hold anything.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  if (fields === undefined) return undefined;
  const [parent, user, system] = [fields[1], fields[11], fields[12]].map(Number);
  return { pid: Number(pid), parent: parent!, seconds: (user! + system!) / ticksASecond };
}
