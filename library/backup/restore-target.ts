import { AppError } from "#errors";
import { areas } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";

/** Verifies that a data folder is empty, new, or of this interrupted restore. @throws AppError conflict */
export async function checkDataFolder(
  storage: Storage,
  restore: { mark: string; installationId: string; isLoaded: boolean },
): Promise<void> {
  const marker = await storage.readMarker();
  if (marker === restore.mark) return;
  // It was interrupted just before its end.
  if (restore.isLoaded && marker === restore.installationId) return;
  for (const area of areas) {
    for await (const { key } of storage.list(area)) {
      if (key.endsWith("/.gitkeep")) continue;
      throw new AppError({
        kind: "conflict",
        code: "conflict",
        message:
          "The data folder already holds photos; nothing was changed. Name an empty or a new folder with --data, or move its folder `photos` away.",
      });
    }
  }
}
