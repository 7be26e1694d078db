import { v5 } from "uuid";
import { AppError, type ErrorKind, payloadTooLarge } from "#errors";
import { appendToAlbum } from "#db/queries/albums/album-order";
import { insertAlbum } from "#db/queries/albums/albums";
import {
  endImport,
  findImport,
  noteFound,
  settleFile,
  startImport,
  emitImportProgress,
} from "#db/queries/imports/imports";
import { findPhotoByHash } from "#db/queries/photos/duplicates";
import type { PhotoImport } from "#db/schema/imports";
import type { NewPhoto } from "#db/schema/photos";
import { keepUpload } from "#library/keep";
import { displayName } from "#media/folders/filename";
import { type OpenedFile, withImportFile } from "#media/folders/import-file";
import {
  resolveImportFolder,
  type WalkedFile,
  walkImportFolder,
} from "#media/folders/import-folder";
import { fileMoment } from "#media/metadata/taken-at";
import { unsupportedType } from "#media/pictures/rejection";
import { beginningOf } from "#storable-text";
import type { ImportTally } from "#workflows/photo-import/contract";
import { queues } from "#workflows/task-queues";
import type { ActivityDeps } from "../deps";
import { noteProgress, withHeartbeat } from "../heartbeat";
import { importQueueOf } from "./import-queue";
import { readSidecars, sidecarColumns } from "./sidecars";

/** A minute or two of work: progress is reported after each slice. */
const filesPerSlice = 200;
/** One is read while the other is decoded; the decode budget limits the memory of both. */
const atOnce = 2;
const maxAlbumName = 200;
/** Any UUID that never changes: it makes the album id of a folder the same in each import. */
const albumNamespace = "3f5b7a0e-9a5d-4a6c-8f0f-6f1f6b0a2c11";

type ImportRef = { importId: string };
type Ending = { status: "completed" | "failed" | "cancelled"; error: string | null };
type Slice = { state: "more" | "completed" | "cancelled"; tally: ImportTally };
type Refusal = { code: string; message: string };
type Taken =
  | { outcome: "imported" | "duplicates"; photoId: string }
  | { outcome: "sidecars" | Refusal };

/** Errors of the file itself; after any other error the file is retried. */
const verdicts: ReadonlySet<ErrorKind> = new Set([
  "invalid",
  "too_large",
  "unsupported_type",
  "unprocessable",
]);

/** Imports folders on the server into the library; their files are read, never written. */
export function createImportActivities(deps: ActivityDeps) {
  const { storage, now } = deps;
  const { maxUploadBytes } = deps.config.limits;
  const { db } = deps.database;

  /** Checks that the requested folder still exists, and is still below a root. */
  async function checkFolder({ path }: PhotoImport): Promise<string> {
    const folder = await resolveImportFolder(deps.config.importRoots, path);
    if (folder.state === "allowed" && folder.path === path) return path;
    throw new AppError({
      kind: "not_found",
      code: "not_found",
      message:
        "The folder does not exist, is reached by a link, or is not below IMPORT_ROOTS of the worker.",
    });
  }

  /** Imports a file as a photo, or returns why not. Repeated, the same file of the same import is the same photo. */
  async function takeFile(row: PhotoImport, walked: WalkedFile): Promise<Taken> {
    const { file, refusal, isSidecar } = walked;
    if (refusal !== null) return { outcome: { code: "left_out", message: refusal } };
    if (isSidecar) return { outcome: "sidecars" };
    try {
      return await withImportFile(row.path, file, (opened) => takeOpened(row, walked, opened));
    } catch (error) {
      if (!(error instanceof AppError) || !verdicts.has(error.kind)) throw error;
      return { outcome: { code: error.code, message: error.message } };
    }
  }

  async function takeOpened(
    row: PhotoImport,
    { file, shown, sidecars }: WalkedFile,
    opened: OpenedFile,
  ): Promise<Taken> {
    // Checked before copying: a film may have gigabytes.
    if (opened.bytes > 0 && !opened.isPicture) {
      throw unsupportedType("Only JPEG, PNG, WebP, GIF, AVIF and HEIC pictures can be taken.");
    }
    // Checked before copying: a sparse file would fill the disk.
    if (opened.bytes > maxUploadBytes) throw tooLarge(maxUploadBytes);
    const id = v5(file, row.id);
    // Left by a try that was killed during this file.
    await storage.removeStaged("uploaded", id);
    await using staged = await storage.stage("uploaded", id);
    const received = await staged.receive(noting(opened.chunks), maxUploadBytes);
    const known = await findPhotoByHash(db, received.contentHash);
    if (known) return { outcome: known.id === id ? "imported" : "duplicates", photoId: known.id };

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
    });
    return { outcome: photo.id === id ? "imported" : "duplicates", photoId: photo.id };
  }

  /** The last resort for a picture without a recorded time. */
  function fileTimeColumns(modifiedAt: Date): Partial<NewPhoto> {
    const found = fileMoment(modifiedAt, deps.config.timeZone);
    return found ? { takenAt: found.wallClock, takenAtSource: "file" } : {};
  }

  /** Appends the photo to the album of its folder; files directly in the import's folder are in no album. */
  async function addToFolderAlbum(
    row: PhotoImport,
    { file, shown }: WalkedFile,
    photoId: string,
  ): Promise<void> {
    const folder = file.split("/").slice(0, -1);
    if (!row.makesAlbums || folder.length === 0) return;
    const albumId = v5(`${row.path}/${folder.join("/")}`, albumNamespace);
    const name = beginningOf(displayName(shown.split("/").at(-2), "Photos"), maxAlbumName);
    await insertAlbum(db, { id: albumId, name, description: null, coverPhotoId: null });
    await db.transaction((tx) => appendToAlbum(tx, { albumId, photoId }));
  }

  async function runSlice(importId: string, signal: AbortSignal): Promise<Slice> {
    let row = await findImport(db, importId);
    if (row?.status !== "processing") return { state: "cancelled", tally: tallyOf(row) };
    if (row.cancelRequestedAt !== null) return { state: "cancelled", tally: tallyOf(row) };
    const folder = await checkFolder(row);
    const running: { walked: WalkedFile; taken: Promise<Taken> }[] = [];
    let begun = 0;
    let isAtEnd = true;

    /** Settles files in the folder's order, as the position requires. undefined: another worker has moved the position. */
    async function settleOldest(current: PhotoImport): Promise<PhotoImport | undefined> {
      const oldest = running.shift();
      if (!oldest) return current;
      const taken = await oldest.taken;
      const { walked } = oldest;
      if ("photoId" in taken) await addToFolderAlbum(current, walked, taken.photoId);
      const { file, shown } = walked;
      const from = current.position;
      return settleFile(db, { id: importId, from, file, shown, outcome: taken.outcome });
    }

    try {
      for await (const walked of walkImportFolder(folder, row.position)) {
        if (begun === filesPerSlice) {
          isAtEnd = false;
          break;
        }
        signal.throwIfAborted();
        noteProgress();
        const taken = takeFile(row, walked);
        // Marked as handled: it is awaited in order.
        taken.catch(() => {});
        running.push({ walked, taken });
        begun += 1;
        if (running.length < atOnce) continue;
        const settled: PhotoImport | undefined = await settleOldest(row);
        if (!settled) return { state: "more", tally: tallyOf(row) };
        row = settled;
        if (row.cancelRequestedAt !== null) break;
      }
      while (running.length > 0) {
        const settled: PhotoImport | undefined = await settleOldest(row);
        if (!settled) return { state: "more", tally: tallyOf(row) };
        row = settled;
      }
    } finally {
      // No work of this try may run on beside the next one.
      await Promise.allSettled(running.map(({ taken }) => taken));
    }
    if (begun > 0) await emitImportProgress(db, row);
    const isCancelled = row.cancelRequestedAt !== null;
    return {
      state: isCancelled ? "cancelled" : isAtEnd ? "completed" : "more",
      tally: tallyOf(row),
    };
  }

  return {
    /** `isNew`: its files were not counted yet. `queue`: of the workers that have its root. */
    async beginImport({ importId }: ImportRef) {
      const begun = await startImport(db, { id: importId, now: now() });
      if (!begun) return { state: "ended" as const };
      const queue = begun.root === null ? queues.images : importQueueOf(begun.root);
      return { state: "live" as const, isNew: begun.isNew, queue };
    },

    /** Counts the files, as the total for progress. */
    countImportFiles: ({ importId }: ImportRef): Promise<void> =>
      withHeartbeat(async (signal) => {
        const row = await findImport(db, importId);
        if (!row) return;
        let found = 0;
        for await (const _file of walkImportFolder(await checkFolder(row), null)) {
          signal.throwIfAborted();
          noteProgress();
          found += 1;
        }
        await noteFound(db, { id: importId, found });
      }),

    /** Settles the next files. A repeat continues behind the last settled file, which is in the row. */
    importSlice: ({ importId }: ImportRef): Promise<Slice> =>
      withHeartbeat((signal) => runSlice(importId, signal)),

    async endImport({ importId, status, error }: ImportRef & Ending): Promise<void> {
      await endImport(db, { id: importId, status, error, now: now() });
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

function tallyOf(row: PhotoImport | undefined): ImportTally {
  const { found = 0, imported = 0, duplicates = 0, failed = 0, sidecars = 0 } = row ?? {};
  return { found, imported, duplicates, failed, sidecars };
}

/** The same limit as for uploads. */
function tooLarge(maxBytes: number): AppError {
  return payloadTooLarge(
    `The file holds more than ${maxBytes} bytes; raise MAX_UPLOAD_SIZE and import the folder again.`,
  );
}
