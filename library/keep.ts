import type { Config } from "#config";
import { getSettings } from "#db/queries/installation/settings";
import { type Alongside, insertUpload } from "#db/queries/photos/photos";
import { findPhotoByHash } from "#db/queries/photos/duplicates";
import type { NewPhoto, Photo } from "#db/schema/photos";
import type { DecodeLimits } from "#media/pictures/decode-budget";
import { type ExpectedImage, type IngestedImage, ingestImage } from "#media/pictures/ingest";
import type { PhotoKind } from "#media/storage/keys";
import { removePhotoFiles, storePhotoFiles } from "#media/storage/photo-files";
import type { ReceivedFile, StagedFile } from "#media/storage/storage";
import type { Library } from "./library";
import { uploadedPhoto } from "./photo-row";

/** A file that was received completely and does not belong to a photo yet. */
export type StagedPicture = Readonly<{ staged: StagedFile; received: ReceivedFile }>;

/**
 * Decodes a received file and stores it with its derivatives; its row is written after this. Stores nothing when
 * `verify` throws.
 * @throws AppError unsupported_media_type, image_rejected, storage_error
 */
export async function storePicture(
  { storage, decodeLimits }: Pick<Library, "storage"> & { decodeLimits: DecodeLimits },
  photo: { kind: PhotoKind; id: string },
  { staged, received }: StagedPicture,
  options: { expected?: ExpectedImage; verify?: (image: IngestedImage) => void } = {},
): Promise<IngestedImage> {
  const file = { path: staged.path, ...received };
  const image = await ingestImage(file, decodeLimits, options.expected);
  options.verify?.(image);
  await storePhotoFiles(storage, { kind: photo.kind, id: photo.id }, staged, image);
  return image;
}

type Upload = StagedPicture &
  Readonly<{
    id: string;
    filename: string;
    title: string | null;
    tags: string[];
    albumId?: string | undefined;
    /** Adds what other sources than the picture say to the row. */
    complete?: (photo: NewPhoto) => Promise<NewPhoto>;
    alongside?: Alongside | undefined;
  }>;

/**
 * Makes a received file a photo: its files first, then its row. When two with equal bytes arrive at once, the unique index
 * of the rows decides, and the loser's files are removed.
 * @returns `isNew: false` with the photo that already has these bytes. If it has this `id`, an earlier attempt made it, and
 *   the files are its own
 */
export async function keepUpload(
  library: Library & Readonly<{ config: Config; decodeLimits: DecodeLimits; now: () => Date }>,
  upload: Upload,
): Promise<{ photo: Photo; isNew: boolean }> {
  const { storage, config, now } = library;
  const { db } = library.database;
  const { id, filename, title, tags, staged, received, albumId, complete, alongside } = upload;
  const image = await storePicture(library, { kind: "uploaded", id }, { staged, received });
  const { "library.read_embedded_texts": takesEmbeddedTexts } = await getSettings(db, config);
  const given = { id, filename, createdAt: now(), title, tags };
  const row = uploadedPhoto({ ...given, image, takesEmbeddedTexts });
  const completed = complete ? await complete(row) : row;
  const photo = await insertUpload(db, completed, { albumId, alongside });
  if (photo) return { photo, isNew: true };
  const winner = await findPhotoByHash(db, received.contentHash);
  if (winner?.id !== id) {
    await removePhotoFiles(storage, { kind: "uploaded", id, mimeType: image.mimeType });
  }
  if (!winner) throw new Error("the photo that was there first is gone");
  return { photo: winner, isNew: false };
}
