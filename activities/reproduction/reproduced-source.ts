import type { Db } from "#db/client";
import { findMask } from "#db/queries/steps/masks";
import type { Photo } from "#db/schema/photos";
import type { ImageNames } from "#db/schema/steps";
import { meanWeight } from "#media/pictures/mask";
import { referencePicture } from "../adapters/invokeai/graphs/index";
import type { ActivityDeps } from "../deps";
import { ensurePaintedParts, isPainted } from "../generation/painted-parts";
import { ensureUploadedReferences } from "../generation/uploaded-references";
import {
  ensureUploadedPicture,
  ensureUploadedSource,
  hasImage,
} from "../generation/uploaded-source";

/**
 * InvokeAI's names of the pictures that a photo was made from, by role: the recorded ones, or new ones if they have to be
 * uploaded again, rendered in the same way. undefined when the gallery no longer has them either.
 */
export async function ensureReproductionPictures(
  deps: ActivityDeps,
  wanted: { photo: Photo; pictures: ImageNames; backend: string },
  signal: AbortSignal,
): Promise<ImageNames | undefined> {
  const { pictures, backend } = wanted;
  if (await hasAll(deps, { pictures, backend }, signal)) return pictures;
  const ofReferences = await referenceNames(deps, wanted, signal);
  const hasSource = pictures["source"] !== undefined;
  const ofSource = hasSource ? await sourceNames(deps, wanted, signal) : {};
  return ofReferences && ofSource && { ...ofSource, ...ofReferences };
}

async function referenceNames(
  deps: ActivityDeps,
  { photo, pictures, backend }: { photo: Photo; pictures: ImageNames; backend: string },
  signal: AbortSignal,
): Promise<ImageNames | undefined> {
  const { references, generation } = photo;
  const { width, height } = generation ?? {};
  if (pictures[referencePicture(0)] === undefined) return {};
  if (!references || width === undefined || height === undefined) return undefined;
  return ensureUploadedReferences(deps, { references, size: { width, height }, backend }, signal);
}

async function sourceNames(
  deps: ActivityDeps,
  { photo, pictures, backend }: { photo: Photo; pictures: ImageNames; backend: string },
  signal: AbortSignal,
): Promise<ImageNames | undefined> {
  const { sourceImageId: photoId, generation, maskHash } = photo;
  const { width, height } = generation ?? {};
  if (!generation || !photoId) return undefined;
  const asSource = (name: string | undefined) =>
    name === undefined ? undefined : { source: name };
  if (generation.recipe) {
    // Which photo another picture was is not known.
    if (Object.keys(pictures).length > 1) return undefined;
    return asSource(await ensureUploadedPicture(deps, { photoId, backend }, signal));
  }
  if (width === undefined || height === undefined) return undefined;
  if (!isPainted({ maskHash, ...generation })) {
    // A part was painted, but its mask is gone.
    if (pictures["mask"] !== undefined) return undefined;
    const source = { photoId, size: { width, height }, backend };
    return asSource(await ensureUploadedSource(deps, source, signal));
  }
  const painted = { ...generation, photoId, maskHash, width, height, backend };
  return ensurePaintedParts(deps, painted, signal);
}

async function hasAll(
  deps: ActivityDeps,
  { pictures, backend }: { pictures: ImageNames; backend: string },
  signal: AbortSignal,
): Promise<boolean> {
  const invokeai = await deps.invokeai(backend);
  for (const name of new Set(Object.values(pictures))) {
    if (!(await hasImage(invokeai, name, signal))) return false;
  }
  return true;
}

/** The share of a photo's pixels that were painted (0–1): the others cannot differ. */
export async function paintedShare(
  db: Db,
  { generation, maskHash, width, height }: Photo,
): Promise<number> {
  const { region, expand } = generation ?? {};
  if (!region || !width || !height) return 1;
  const mask = maskHash === null ? undefined : await findMask(db, maskHash);
  const { top = 0, right = 0, bottom = 0, left = 0 } = expand ?? {};
  const inner = ((width - left - right) * (height - top - bottom)) / (width * height);
  const own = maskHash === null ? 0 : mask ? await meanWeight(mask.png) : 1;
  return own * inner + 1 - inner;
}
