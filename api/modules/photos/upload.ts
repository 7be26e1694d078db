import { v5 } from "uuid";
import { AppError } from "#errors";
import { appendToAlbum } from "#db/queries/albums";
import { albumExists, findUploadByHash, insertUpload } from "#db/queries/photos";
import { restorePhotos } from "#db/queries/trash";
import type { Photo } from "#db/schema/photos";
import { uploadedPhoto } from "#db/uploaded-photo";
import { ingestImage } from "#media/ingest";
import { removePhotoFiles, storePhotoFiles } from "#media/photo-files";
import type { ApiDeps } from "../../deps";
import { toAppError } from "../../errors";
import { type Answer, answerOnce, fingerprintOf, idempotencyKeyOf } from "../../idempotency";
import { photoToWire } from "./model";
import { showPhoto } from "./show";
import { abortAll, receiveForm, type UploadedFile, type UploadForm } from "./upload-form";

type Options = Omit<UploadForm, "files"> & { restore: boolean };
type Taken = { photo: Photo; isDuplicate: boolean };

/** `POST /photos`: receives everything, then keeps what can be kept. */
export async function uploadPhotos(
  deps: ApiDeps,
  request: Request,
  restore: boolean,
): Promise<Answer> {
  const key = idempotencyKeyOf(request);
  const { files, ...fields } = await receiveForm(request, deps.storage, deps.config.limits);
  try {
    const options = { ...fields, restore };
    if (options.albumId !== undefined && !(await albumExists(deps.database.db, options.albumId))) {
      throw unknownAlbum();
    }
    const fingerprint = fingerprintOf({
      ...options,
      files: files.map(({ filename, received }) => [filename, received.sha256]),
    });
    return await answerOnce(deps, { route: "POST /api/v1/photos", key, fingerprint }, (id) => {
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
): Promise<Answer> {
  const { photo, isDuplicate } = await countedTake(deps, file, id, options);
  if (!isDuplicate) return { status: 201, body: photoToWire(photo) };
  return { status: 200, body: await showDuplicate(deps, photo) };
}

/** Each file stands alone: one that is refused does not keep the others out. */
async function answerSeveral(
  deps: ApiDeps,
  files: readonly UploadedFile[],
  id: string,
  options: Options,
): Promise<Answer> {
  const items = [];
  // One after another: a form of many large pictures takes neither all memory nor all decoders.
  for (const [index, file] of files.entries()) {
    items.push(await judge(deps, file, v5(String(index), id), options));
  }
  return { status: 200, body: { items } };
}

async function judge(deps: ApiDeps, file: UploadedFile, id: string, options: Options) {
  const { filename } = file;
  try {
    const { photo, isDuplicate } = await countedTake(deps, file, id, options);
    return isDuplicate
      ? { filename, status: "duplicate", photo: await showDuplicate(deps, photo) }
      : { filename, status: "created", photo: photoToWire(photo) };
  } catch (error) {
    const { kind, code, message } = toAppError(error);
    // A fault of ours is no verdict on the file: the whole request is to be sent again.
    if (kind === "unavailable" || kind === "internal" || kind === "storage_full") throw error;
    return { filename, status: "rejected", error: { code, message } };
  }
}

async function countedTake(...upload: Parameters<typeof takeFile>): Promise<Taken> {
  const [{ metrics }, { received }] = upload;
  try {
    const taken = await takeFile(...upload);
    metrics.countUpload(taken.isDuplicate ? "duplicate" : "created", received.bytes);
    return taken;
  } catch (error) {
    metrics.countUpload("rejected", received.bytes);
    throw error;
  }
}

/**
 * Makes a received file a photo, unless its bytes are one already. Bytes come before the row; two at
 * once are decided by the row, and the loser's files go.
 */
async function takeFile(
  deps: ApiDeps,
  file: UploadedFile,
  id: string,
  options: Options,
): Promise<Taken> {
  const { db } = deps.database;
  const { staged, received, filename } = file;
  const known = await findUploadByHash(db, received.sha256);
  if (known) return takeKnown(deps, known, id, options);

  const image = await ingestImage({ path: staged.path, ...received }, deps.decoding);
  await storePhotoFiles(deps.storage, { kind: "uploaded", id }, staged, image);
  const row = await insertUpload(
    db,
    uploadedPhoto({
      id,
      filename,
      createdAt: deps.now(),
      title: options.title,
      tags: options.tags,
      image,
    }),
    options.albumId,
  );
  if (row) return { photo: row, isDuplicate: false };
  const winner = await findUploadByHash(db, received.sha256);
  if (winner?.id !== id) {
    await removePhotoFiles(deps.storage, { kind: "uploaded", id, mimeType: image.mimeType });
  }
  if (!winner) throw new Error("the photo that was there first is gone");
  return takeKnown(deps, winner, id, options);
}

/** `id`: the one this request makes. A row that has it is this request's own, written before a crash. */
async function takeKnown(
  deps: ApiDeps,
  known: Photo,
  id: string,
  options: Options,
): Promise<Taken> {
  const { db } = deps.database;
  const { albumId } = options;
  if (albumId !== undefined) {
    await db.transaction((tx) => appendToAlbum(tx, { albumId, photoId: known.id }));
  }
  const [wanted] =
    options.restore && known.deletedAt ? await restorePhotos(db, [known.id]) : [known];
  return { photo: wanted ?? known, isDuplicate: known.id !== id };
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
