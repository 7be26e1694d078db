import { existsSync } from "node:fs";
import { mkdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { Refusal } from "#stack/refusal";

const groups = "/sys/fs/cgroup";
const periodUs = 100_000;

/** Groups of processes with a limited share of a processor; Linux control groups, of either version. */
export function createProcessorLimits() {
  const made: string[] = [];
  return {
    /**
     * @param share of one processor
     * @throws Refusal without the right to make control groups
     */
    async limit(pid: number, share: number): Promise<void> {
      const isSecond = existsSync(join(groups, "cgroup.controllers"));
      const path = join(
        groups,
        isSecond ? "" : "cpu",
        `gallery-bench-${process.pid}-${made.length}`,
      );
      try {
        await mkdir(path);
        made.push(path);
        const quotaUs = Math.round(share * periodUs);
        if (isSecond) {
          await writeFile(join(path, "cpu.max"), `${quotaUs} ${periodUs}`);
        } else {
          await writeFile(join(path, "cpu.cfs_period_us"), `${periodUs}`);
          await writeFile(join(path, "cpu.cfs_quota_us"), `${quotaUs}`);
        }
        await writeFile(join(path, "cgroup.procs"), `${pid}`);
      } catch (error) {
        throw new Refusal(
          `Processors cannot be limited here: ${error instanceof Error ? error.message : ""}`,
        );
      }
    },
    /** Removes the groups; their processes that still run are no longer limited. */
    async [Symbol.asyncDispose](): Promise<void> {
      for (const path of made.splice(0)) {
        const members = await readFile(join(path, "cgroup.procs"), "utf8").catch(() => "");
        for (const pid of members.split("\n").filter(Boolean)) {
          await writeFile(join(dirname(path), "cgroup.procs"), pid).catch(() => {});
        }
        await rmdir(path).catch(() => {});
      }
    },
  };
}
