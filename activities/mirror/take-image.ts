import { v5 } from "uuid";
import { AppError, ProviderError } from "#errors";
import { findPhotoByHash } from "#db/queries/photos/duplicates";
import type { NewPhoto } from "#db/schema/photos";
import { keepUpload } from "#library/keep";
import { readInvokeMetadata } from "#media/metadata/invoke-metadata";
import { findPngTexts } from "#media/pictures/png-text";
import { fileMoment } from "#media/metadata/taken-at";
import { markKey } from "../adapters/invokeai/graphs/placement";
import type { GalleryImage } from "../adapters/invokeai/types";
import type { ActivityDeps } from "../deps";
import { receiveImage } from "../retrieval/receive-image";
import { noteKnown, noteNoPhoto, noteTaken } from "./settle";

/** Any UUID that never changes: it makes the photo of an image the same in each attempt. */
const photoNamespace = "6a1f0c5e-2b9d-4d38-9a0b-5d2f4c1e7b90";

/** InvokeAI lists an image before its file is complete; a younger one that cannot be read is tried again. */
const writtenWithinMs = 60_000;

/** The image was noted while a photo was made of it, so that the photo may have been deleted already. */
class NotedMeanwhile extends Error {}

/**
 * Fetches an image of InvokeAI's gallery and makes it a photo with its original bytes, unless its bytes are known here or
 * carry our mark. What became of it is noted, so that it is not taken again. Repeated, the same image is the same photo.
 * @returns false when nothing is noted: it is gone, or not written completely yet
 */
export async function takeImage(
  deps: ActivityDeps,
  backend: string,
  image: GalleryImage,
  signal: AbortSignal,
): Promise<boolean> {
  const { storage, now } = deps;
  const { db } = deps.database;
  const { imageName } = image;
  const id = v5(`${backend}/${imageName}`, photoNamespace);
  // Left by an attempt that was killed.
  await storage.removeStaged("uploaded", id);
  await using staged = await storage.stage("uploaded", id);
  try {
    const received = await receiveImage(deps, { backend, imageName, staged }, signal);
    const metadata = await readInvokeMetadata(await findPngTexts(staged.path));
    if (typeof metadata?.[markKey] === "string") {
      await noteNoPhoto(db, backend, image, { outcome: "own", reason: null });
      return true;
    }
    const keep = () =>
      keepUpload(deps, {
        staged,
        received,
        id,
        filename: imageName,
        title: null,
        tags: [],
        complete: async (taken) => ({ ...taken, ...madeAt(deps, image) }),
        alongside: async (tx) => {
          if (!(await noteTaken(tx, deps, backend, image, id))) throw new NotedMeanwhile();
        },
      });
    const known = await findPhotoByHash(db, received.contentHash);
    const { photo, isNew } = known ? { photo: known, isNew: false } : await keep();
    if (!isNew) await noteKnown(deps, backend, image, photo.id);
    return true;
  } catch (error) {
    if (error instanceof NotedMeanwhile) return true;
    if (error instanceof ProviderError && error.fault === "missing") return false;
    const isRejected =
      error instanceof AppError && ["unsupported_type", "unprocessable"].includes(error.kind);
    if (!isRejected) throw error;
    if (now().getTime() - image.createdAt.getTime() < writtenWithinMs) return false;
    await noteNoPhoto(db, backend, image, { outcome: "refused", reason: error.message });
    return true;
  }
}

/** On the timeline it stands where it was made. */
function madeAt({ config }: ActivityDeps, { createdAt }: GalleryImage): Partial<NewPhoto> {
  const found = fileMoment(createdAt, config.timeZone);
  return found ? { takenAt: found.wallClock, takenAtSource: "file" } : {};
}
