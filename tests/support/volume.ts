import { mkdir, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";

type Area = "photos" | "photos/uploaded" | "photos/generated" | "photos/thumbnails";

/** Simulates an unmount: leaves an empty folder in place of the area. */
export async function unmount(dataDir: string, area: Area) {
  const folder = join(dataDir, area);
  const aside = join(dataDir, `.aside-${crypto.randomUUID()}`);
  await rename(folder, aside);
  await mkdir(folder);
  return {
    /** The files written to the empty folder. */
    strays: () => readdir(folder, { recursive: true }),
    remount: async () => {
      await rm(folder, { recursive: true });
      await rename(aside, folder);
    },
  };
}
