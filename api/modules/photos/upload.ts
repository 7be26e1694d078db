import { v5 } from "uuid";
import { AppError } from "#errors";
import { albumExists } from "#db/queries/photos/photos";
import { restorePhotos } from "#db/queries/photos/trash";
import { findPhotoByHash, mergeUpload } from "#db/queries/photos/duplicates";
import type { Photo } from "#db/schema/photos";
import { keepUpload } from "#library/keep";
import { putBackOriginal } from "#library/original";
import type { ApiDeps } from "../../deps";
import { toAppError } from "../../http/errors";
import type { Answer, Once } from "../../http/idempotency";
import type { IncomingRequest } from "../../http/request";
import { tidyTags } from "../../fields/text";
import { photoToWire } from "./model";
import { showPhoto } from "./show";
import type { UploadBody, UploadItem } from "./upload-model";
import { abortAll, receiveForm, type UploadedFile, type UploadForm } from "./upload-form";

type Options = Omit<UploadForm, "files"> & { restore: boolean };
type Stored = { photo: Photo; isDuplicate: boolean };

/** `POST /photos`: receives all files, then stores those that are accepted. */
export async function uploadPhotos(
  deps: ApiDeps,
  incoming: IncomingRequest,
  once: Once,
  asked: { restore: boolean; merge: boolean },
): Promise<Answer<UploadBody>> {
  once.checkKey();
  const { files, ...fields } = await receiveForm(incoming, deps.storage, deps.config.limits);
  try {
    const options = { ...fields, restore: asked.restore, merge: asked.merge && fields.merge };
    if (options.albumId !== undefined && !(await albumExists(deps.database.db, options.albumId))) {
      throw unknownAlbum();
    }
    const meaning = {
      ...options,
      files: files.map(({ filename, received }) => [filename, received.contentHash]),
    };
    return await once.answer<UploadBody>(meaning, (id) => {
      const [only] = files;
      return files.length === 1 && only
        ? answerOne(deps, only, id, options)
        : answerSeveral(deps, files, id, options);
    });
  } finally {
    await abortAll(files);
  }
}

async function answerOne(
  deps: ApiDeps,
  file: UploadedFile,
  id: string,
  options: Options,
): Promise<Answer<UploadBody>> {
  const { photo, isDuplicate } = await storeCounted(deps, file, id, options);
  if (!isDuplicate) return { status: 201, body: photoToWire(photo) };
  return { status: 200, body: await showDuplicate(deps, photo) };
}

/** Each file is handled separately: a rejected one does not affect the others. */
async function answerSeveral(
  deps: ApiDeps,
  files: readonly UploadedFile[],
  id: string,
  options: Options,
): Promise<Answer<UploadBody>> {
  const items: UploadItem[] = [];
  // One after another, so that one form does not take all memory and all decoders.
  for (const [index, file] of files.entries()) {
    items.push(await storeAsItem(deps, file, v5(String(index), id), options));
  }
  return { status: 200, body: { items } };
}

async function storeAsItem(
  deps: ApiDeps,
  file: UploadedFile,
  id: string,
  options: Options,
): Promise<UploadItem> {
  const { filename } = file;
  try {
    const { photo, isDuplicate } = await storeCounted(deps, file, id, options);
    return isDuplicate
      ? { filename, status: "duplicate", photo: await showDuplicate(deps, photo) }
      : { filename, status: "created", photo: photoToWire(photo) };
  } catch (error) {
    const { kind, code, message } = toAppError(error);
    // A fault of the server says nothing about the file: the client must repeat the whole request.
    if (kind === "unavailable" || kind === "internal" || kind === "storage_full") throw error;
    return { filename, status: "rejected", error: { code, message } };
  }
}

async function storeCounted(...upload: Parameters<typeof storeFile>): Promise<Stored> {
  const [{ metrics }, { received }] = upload;
  try {
    const stored = await storeFile(...upload);
    metrics.countUpload(stored.isDuplicate ? "duplicate" : "created", received.bytes);
    return stored;
  } catch (error) {
    metrics.countUpload("rejected", received.bytes);
    throw error;
  }
}

/** Stores a received file as a photo, unless a photo with the same bytes exists. */
async function storeFile(
  deps: ApiDeps,
  file: UploadedFile,
  id: string,
  options: Options,
): Promise<Stored> {
  const known = await findPhotoByHash(deps.database.db, file.received.contentHash);
  const existing = known && (await reusePhoto(deps, known, id, options));
  if (existing) {
    await putBackOriginal(deps, existing.photo, file);
    return existing;
  }
  const { title, tags, albumId } = options;
  const { photo, isNew } = await keepUpload(deps, { ...file, id, title, tags, albumId });
  if (isNew) return { photo, isDuplicate: false };
  const reused = await reusePhoto(deps, photo, id, options);
  if (!reused) throw new Error("the existing photo was deleted meanwhile");
  return reused;
}

/**
 * @param id of the photo that this request would create; a row that has it was written by this request before a crash
 * @returns undefined when the photo was deleted for good meanwhile
 */
async function reusePhoto(
  deps: ApiDeps,
  known: Photo,
  id: string,
  options: Options,
): Promise<Stored | undefined> {
  const { db } = deps.database;
  const merged = options.merge ? await mergeInto(deps, known, options) : known;
  if (!merged) return undefined;
  const [wanted] =
    options.restore && merged.deletedAt ? await restorePhotos(db, [merged.id]) : [merged];
  return wanted && { photo: wanted, isDuplicate: wanted.id !== id };
}

/** A new title replaces the old one; new tags are added to the old ones. */
async function mergeInto({ database: { db } }: ApiDeps, known: Photo, options: Options) {
  const { title, tags, albumId } = options;
  if (title === null && tags.length === 0 && albumId === undefined) return known;
  return mergeUpload(db, {
    id: known.id,
    albumId,
    change: (photo) => ({
      ...(title !== null && { title }),
      ...(tags.length > 0 && { tags: tidyTags([...photo.tags, ...tags]) }),
    }),
  });
}

async function showDuplicate(deps: ApiDeps, photo: Photo) {
  return {
    ...(await showPhoto(deps, photo)),
    duplicate: true as const,
    ...(photo.deletedAt && { trashed: true as const }),
  };
}

function unknownAlbum(): AppError {
  return new AppError({
    kind: "not_found",
    code: "not_found",
    message: "There is no such album; leave album_id out or create the album first.",
    details: { path: "album_id" },
  });
}
