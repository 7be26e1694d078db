import { AppError } from "#errors";
import { areas, parseKey } from "#media/storage/keys";
import type { Storage } from "#media/storage/storage";

/**
 * Marks the target of a move as this gallery's. It must be empty, or already this gallery's: from an earlier move.
 * @throws AppError conflict; nothing was changed
 */
export async function claimTarget(target: Storage, installationId: string): Promise<void> {
  const marker = await target.readMarker();
  if (marker !== undefined && marker !== installationId) throw isOther();
  if (marker === undefined && (await holdsFiles(target))) throw isUsed();
  for (const area of areas) {
    const markerHere = await target.readMarker(area);
    if (markerHere !== undefined && markerHere !== installationId) throw isOther();
  }
  await target.writeMarker(installationId);
  for (const area of areas) await target.writeMarker(installationId, area);
  await target.recordAreasMarked(installationId);
  target.requireMarkers(installationId);
}

async function holdsFiles(storage: Storage): Promise<boolean> {
  for (const area of areas) {
    for await (const { key } of storage.list(area)) {
      // Unfinished uploads are in the data folder, wherever the photos are.
      if (!key.endsWith("/.gitkeep") && parseKey(key)?.part !== "incoming") return true;
    }
  }
  return false;
}

function refusal(message: string): AppError {
  return new AppError({ kind: "conflict", code: "conflict", message });
}

const isOther = () =>
  refusal(
    "The place to move to belongs to another gallery, or to a restore; nothing was changed. Name another bucket, S3_PREFIX or DATA_DIR.",
  );

const isUsed = () =>
  refusal(
    "The place to move to is not empty; nothing was changed. Name an empty bucket or S3_PREFIX, or move the folder `photos` of the data folder away.",
  );
