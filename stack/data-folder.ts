import { chmod, mkdir, readdir, readFile, stat, statfs, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { tryLock } from "./file-lock";
import { Refusal } from "./refusal";
import { waitFor } from "./wait";

export type DataFolder = {
  path: string;
  /** The folder for the files of `up` itself: Postgres cluster, Temporal's database, workflow bundle, logs. */
  stackDir: string;
  /** Locked by the guardian while processes of a run may be alive. */
  processesLockPath: string;
  release: () => void;
};

// A new cluster takes 60 MB, and Postgres extends its write-ahead log by 16 MB at a time.
const neededBytes = 300 * 1024 * 1024;

// Postgres stops when it cannot extend its write-ahead log by 16 MB.
const tightBytes = 32 * 1024 * 1024;

/** Whether the folder's disk is so full that programs writing to it fail. */
export async function isDiskFull(folder: string): Promise<boolean> {
  return (await freeBytesOf(folder)) < tightBytes;
}

async function freeBytesOf(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

/**
 * Locks a data folder for this run, after the processes of a killed run have ended.
 * @throws Refusal when the folder cannot be written, is in use, or its disk is full
 */
export async function takeDataFolder(
  path: string,
  say: (line: string) => void,
): Promise<DataFolder> {
  const stackDir = join(path, ".stack");
  await mkdir(stackDir, { recursive: true, mode: 0o700 }).catch((error: NodeJS.ErrnoException) => {
    throw new Refusal(`The data folder ${path} cannot be created or written (${error.code}).`);
  });
  await restrictAccess(path, stackDir).catch(() =>
    say(
      `Other users may be able to read the data folder ${path}: this user may not change its permissions.`,
    ),
  );
  const freeBytes = await freeBytesOf(path);
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

/** Whether a `./gallery up` runs on the folder. */
export async function isInUse(path: string): Promise<boolean> {
  const lockPath = join(path, ".stack", "up.lock");
  if (!(await Bun.file(lockPath).exists())) return false;
  const lock = lockOrRefuse(lockPath, path);
  lock?.release();
  return lock === undefined;
}

/** Other users can read no photos, databases or logs. */
async function restrictAccess(path: string, stackDir: string): Promise<void> {
  // When root starts it, Postgres runs as another user, which needs search permission on the parent folders of the
  // cluster.
  const cluster = await stat(join(stackDir, "postgres")).catch(() => undefined);
  const isOwn = cluster === undefined || cluster.uid === process.getuid?.();
  for (const folder of [path, stackDir]) await chmod(folder, isOwn ? 0o700 : 0o711);
  for (const entry of await readdir(stackDir, { withFileTypes: true })) {
    if (entry.isFile()) await chmod(join(stackDir, entry.name), 0o600);
  }
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
  say("The previous run was killed; waiting for its processes to end …");
  await waitFor(tryOnce, {
    timeoutMs: 15_000,
    onTimeout: () => new Refusal(`Processes of an earlier run still use ${folder}; try again.`),
  });
}
