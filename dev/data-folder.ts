import { mkdir, readFile, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "./file-lock";
import { Refusal } from "./refusal";
import { waitFor } from "./wait";

export type DataFolder = {
  path: string;
  /** What `up` itself keeps there: cluster, Temporal's database, bundle, logs. */
  stackDir: string;
  /** Held by the guardian while processes of a run may be alive. */
  processesLockPath: string;
  release: () => void;
};

// A new cluster takes 60 MB and Postgres grows its log by 16 MB at a time.
const neededBytes = 300 * 1024 * 1024;

/**
 * Takes a data folder for this run, after the processes of a killed run have ended.
 * @throws Refusal when it cannot be written, is in use, or its disk is full
 */
export async function takeDataFolder(
  path: string,
  say: (line: string) => void,
): Promise<DataFolder> {
  const stackDir = join(path, ".stack");
  await mkdir(stackDir, { recursive: true }).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(`The data folder ${path} cannot be made or written (${error.code}).`);
  });
  const disk = await statfs(path);
  const freeBytes = disk.bavail * disk.bsize;
  if (freeBytes < neededBytes) {
    throw new Refusal(
      `The disk of ${path} has ${Math.floor(freeBytes / 1024 ** 2)} MB left and 300 MB are needed. Free some space, or choose another folder with --data.`,
    );
  }
  const holderPath = join(stackDir, "up.pid");
  const lock = lockOrRefuse(join(stackDir, "up.lock"), path);
  if (lock === undefined) {
    const pid = await readFile(holderPath, "utf8").catch(() => "");
    throw new Refusal(
      `The data folder ${path} is in use by another ./gallery up${pid && ` (pid ${pid.trim()})`}. Stop that one, or choose another folder with --data.`,
    );
  }
  await writeFile(holderPath, `${process.pid}\n`);
  const processesLockPath = join(stackDir, "processes.lock");
  await waitForEarlierProcesses(processesLockPath, path, say);
  return { path, stackDir, processesLockPath, release: lock.release };
}

function lockOrRefuse(lockPath: string, folder: string) {
  try {
    return tryLock(lockPath);
  } catch {
    throw new Refusal(`The data folder ${folder} cannot be written by this user.`);
  }
}

async function waitForEarlierProcesses(
  lockPath: string,
  folder: string,
  say: (line: string) => void,
): Promise<void> {
  const tryOnce = () => {
    const lock = tryLock(lockPath);
    lock?.release();
    return lock === undefined ? undefined : true;
  };
  if (tryOnce()) return;
  say("The run before was killed; waiting for its processes to end …");
  await waitFor(tryOnce, {
    timeoutMs: 15_000,
    onTimeout: () => new Refusal(`Processes of an earlier run still use ${folder}; try again.`),
  });
}
