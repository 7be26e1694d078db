import { v5 } from "uuid";
import { AppError, type ErrorKind, payloadTooLarge } from "#errors";
import { appendToAlbum } from "#db/queries/albums/album-order";
import { insertAlbum } from "#db/queries/albums/albums";
import { findPhotoByHash } from "#db/queries/photos/duplicates";
import type { Alongside } from "#db/queries/photos/photos";
import { lockPhotos } from "#db/queries/photos/trash";
import type { PhotoImport } from "#db/schema/imports";
import type { NewPhoto } from "#db/schema/photos";
import { keepUpload } from "#library/keep";
import { displayName } from "#media/folders/filename";
import { type OpenedFile, withImportFile } from "#media/folders/import-file";
import type { WalkedFile } from "#media/folders/import-folder";
import { fileMoment } from "#media/metadata/taken-at";
import { imageRejected, unsupportedType } from "#media/pictures/rejection";
import { beginningOf } from "#storable-text";
import type { ActivityDeps } from "../deps";
import { noteProgress } from "../heartbeat";
import { readSidecars, sidecarColumns } from "./sidecars";

const maxAlbumName = 200;
/** Any UUID that never changes: it makes the album id of a folder the same in each import. */
const albumNamespace = "3f5b7a0e-9a5d-4a6c-8f0f-6f1f6b0a2c11";

type Refusal = { code: string; message: string };

/** What became of a file. `photoId`: null when its bytes are not to be taken again. */
export type Taken =
  | { outcome: "imported" | "duplicates"; photoId: string | null; contentHash: string }
  | { outcome: "sidecars" | Refusal };

type TakeOptions = {
  /** The photo's id: the same in each attempt at this file. */
  id: string;
  /** The file is refused unless it still is as it was listed. */
  onlyUnchanged?: boolean;
  /** Whether these bytes are not to be taken again. */
  isTakenBefore?: (contentHash: string) => Promise<boolean>;
  alongside?: Alongside;
};

/** Errors of the file itself; after any other error the file is retried. */
const verdicts: ReadonlySet<ErrorKind> = new Set([
  "invalid",
  "too_large",
  "unsupported_type",
  "unprocessable",
]);

/** Takes single files of a folder into the library. */
export function createFileTaker(deps: ActivityDeps) {
  const { storage } = deps;
  const { maxUploadBytes } = deps.config.limits;
  const { db } = deps.database;

  async function takeOpened(
    row: PhotoImport,
    { size, modifiedMs, shown, sidecars }: WalkedFile,
    opened: OpenedFile,
    { id, onlyUnchanged, isTakenBefore, alongside }: TakeOptions,
  ): Promise<Taken> {
    const isUnchanged = opened.bytes === size && opened.modifiedMs === modifiedMs;
    if (onlyUnchanged && !isUnchanged) {
      throw imageRejected("The file is still changed; it is taken once it is complete.");
    }
    // Checked before copying: a film may have gigabytes.
    if (opened.bytes > 0 && !opened.isPicture) {
      throw unsupportedType("Only JPEG, PNG, WebP, GIF, AVIF and HEIC pictures can be taken.");
    }
    // Checked before copying: a sparse file would fill the disk.
    if (opened.bytes > maxUploadBytes) throw tooLarge(maxUploadBytes);
    // Left by a try that was killed during this file.
    await storage.removeStaged("uploaded", id);
    await using staged = await storage.stage("uploaded", id);
    const received = await staged.receive(noting(opened.chunks), maxUploadBytes);
    const { contentHash } = received;
    const end = (photoId: string) => ({
      outcome: photoId === id ? ("imported" as const) : ("duplicates" as const),
      photoId,
      contentHash,
    });
    const known = await findPhotoByHash(db, contentHash);
    // Made by a try that was killed.
    if (known?.id === id) return end(id);
    if (await isTakenBefore?.(contentHash)) {
      return { outcome: "duplicates", photoId: null, contentHash };
    }
    if (known) return end(known.id);

    const filename = displayName(shown, "photo");
    const { photo } = await keepUpload(deps, {
      staged,
      received,
      id,
      filename,
      title: null,
      tags: [],
      complete: async (taken) => {
        const besides = sidecarColumns(taken, await readSidecars(row.path, sidecars, filename));
        const dated = { ...taken, ...besides };
        return dated.takenAt ? dated : { ...dated, ...fileTimeColumns(opened.modifiedAt) };
      },
      alongside,
    });
    return end(photo.id);
  }

  /** The last resort for a picture without a recorded time. */
  function fileTimeColumns(modifiedAt: Date): Partial<NewPhoto> {
    const found = fileMoment(modifiedAt, deps.config.timeZone);
    return found ? { takenAt: found.wallClock, takenAtSource: "file" } : {};
  }

  return {
    /** Imports a file as a photo, or returns why not. Repeated, the same file of the same import is the same photo. */
    takeFile: async (
      row: PhotoImport,
      walked: WalkedFile,
      options: TakeOptions,
    ): Promise<Taken> => {
      const { file, refusal, isSidecar } = walked;
      if (refusal !== null) return { outcome: { code: "left_out", message: refusal } };
      if (isSidecar) return { outcome: "sidecars" };
      try {
        return await withImportFile(row.path, file, (opened) =>
          takeOpened(row, walked, opened, options),
        );
      } catch (error) {
        if (!(error instanceof AppError) || !verdicts.has(error.kind)) throw error;
        return { outcome: { code: error.code, message: error.message } };
      }
    },

    /** Appends the photo to the album of its folder; files directly in the import's folder are in no album. */
    addToFolderAlbum: async (
      row: PhotoImport,
      { file, shown }: WalkedFile,
      taken: Taken,
    ): Promise<void> => {
      const photoId = "photoId" in taken ? taken.photoId : null;
      const folder = file.split("/").slice(0, -1);
      if (photoId === null || !row.makesAlbums || folder.length === 0) return;
      const albumId = v5(`${row.path}/${folder.join("/")}`, albumNamespace);
      const name = beginningOf(displayName(shown.split("/").at(-2), "Photos"), maxAlbumName);
      await insertAlbum(db, { id: albumId, name, description: null, coverPhotoId: null });
      await db.transaction(async (tx) => {
        // It may be deleted by now.
        const [photo] = await lockPhotos(tx, [photoId]);
        if (photo) await appendToAlbum(tx, { albumId, photoId });
      });
    },
  };
}

/** Each chunk counts as progress: a file on a slow disk may take minutes. */
async function* noting(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  for await (const chunk of chunks) {
    noteProgress();
    yield chunk;
  }
}

/** The same limit as for uploads. */
function tooLarge(maxBytes: number): AppError {
  return payloadTooLarge(
    `The file holds more than ${maxBytes} bytes; raise MAX_UPLOAD_SIZE and import the folder again.`,
  );
}
