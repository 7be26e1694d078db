import type { ApiDeps } from "../../deps";
import { findPictureState } from "#db/queries/generation/step-requests";
import { findMask } from "#db/queries/steps/masks";
import { notFound } from "#errors";
import { withOriginal } from "#library/original";
import { readMask } from "#media/pictures/mask";
import { checkPicture } from "./source";
import type { StepMask } from "./steps";

type Deps = Pick<ApiDeps, "database" | "storage" | "decodeLimits">;

/**
 * The mask of a step: the one that was sent with its request, else that of a photo; null: none.
 * @throws AppError not_found, conflict; unsupported_media_type, image_rejected, validation_error for its content
 */
export async function readStepMask(
  deps: Deps,
  { sent, photoId }: { sent?: Uint8Array | undefined; photoId: string | null },
): Promise<StepMask | null> {
  if (sent) return readSentMask(deps, sent);
  return photoId === null ? null : readPhotoMask(deps, photoId);
}

async function readPhotoMask(deps: Deps, photoId: string): Promise<StepMask> {
  const { db } = deps.database;
  await checkPicture(db, { photoId, path: "mask" });
  const photo = await findPictureState(db, photoId);
  if (!photo?.mimeType) throw notFound("photo", "mask");
  const original = { id: photo.id, kind: photo.kind, mimeType: photo.mimeType };
  const mask = await withOriginal(deps.storage, original, (path) =>
    readMask(path, deps.decodeLimits),
  );
  if (!mask) throw notFound("photo", "mask");
  return mask;
}

/** @throws AppError unsupported_media_type, image_rejected, validation_error */
export async function readSentMask(deps: Deps, bytes: Uint8Array): Promise<StepMask> {
  await using staged = await deps.storage.stage("uploaded");
  await staged.receive(
    (async function* () {
      yield bytes;
    })(),
    bytes.length,
  );
  // Awaited: the file is removed with this scope.
  return await readMask(staged.path, deps.decodeLimits);
}

/** A mask that was kept with a step or a photo. @throws AppError not_found */
export async function getMask(deps: Pick<Deps, "database">, hash: string) {
  const mask = await findMask(deps.database.db, hash);
  if (!mask) throw notFound("mask");
  return mask;
}
