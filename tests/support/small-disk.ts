import { mkdtemp, open, rm, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { until } from "./wait";

/**
 * Prefixes a command: mounts a small disk at a folder, in a mount namespace of its own, without root where necessary. Others
 * see it below the process's `/proc/<pid>/root`.
 */
export function onSmallDisk({
  folder,
  megabytes,
}: {
  folder: string;
  megabytes: number;
}): string[] {
  const asRoot = process.getuid?.() === 0 ? [] : ["--user", "--map-root-user"];
  const mount = `mount -t tmpfs -o size=${megabytes}m tmpfs "$0" && exec "$@"`;
  return ["unshare", ...asRoot, "--mount", "--", "sh", "-c", mount, folder];
}

/** A disk of a few megabytes that can be filled. */
export async function mountSmallDisk(megabytes: number) {
  const folder = await mkdtemp(join(tmpdir(), "gallery-disk-"));
  // It ends with its input: with the tests, however they end.
  const holder = Bun.spawn([...onSmallDisk({ folder, megabytes }), "cat"], {
    stdio: ["pipe", "ignore", "ignore"],
  });
  const path = join(`/proc/${holder.pid}/root`, folder);
  await until("a mounted disk", async () => {
    const found = await statfs(path).catch(() => undefined);
    return found && found.blocks * found.bsize === megabytes * 1024 * 1024;
  });
  const filler = join(path, "filler");
  return {
    path,
    /** Leaves room for so many bytes. */
    fill: (leftBytes = 0) => fill(filler, leftBytes),
    empty: () => rm(filler, { force: true }),
    async unmount(): Promise<void> {
      holder.kill("SIGKILL");
      await holder.exited;
      await rm(folder, { recursive: true });
    },
  };
}

/** Fills the disk of a file, which may exist, with its bytes. */
export async function fill(path: string, leftBytes = 0): Promise<void> {
  await using file = await open(path, "a");
  for (const size of [1024 * 1024, 4_096, 1]) {
    const block = Buffer.alloc(size);
    try {
      while ((await file.write(block)).bytesWritten === size);
    } catch (error) {
      if ((error as { code?: string }).code !== "ENOSPC") throw error;
    }
  }
  if (leftBytes > 0) await file.truncate((await file.stat()).size - leftBytes);
}
