import { v5 } from "uuid";
import { AppError, type ErrorKind } from "#errors";
import { appendToAlbum, insertAlbum } from "#db/queries/albums";
import {
  endImport,
  findImport,
  noteFound,
  settleFile,
  startImport,
  tellImport,
} from "#db/queries/imports";
import { findUploadByHash, insertUpload } from "#db/queries/photos";
import type { PhotoImport } from "#db/schema/imports";
import { uploadedPhoto } from "#db/uploaded-photo";
import { displayName } from "#media/filename";
import {
  type OpenedFile,
  resolveImportFolder,
  type WalkedFile,
  walkImportFolder,
  withImportFile,
} from "#media/import-folder";
import { ingestImage } from "#media/ingest";
import { removePhotoFiles, storePhotoFiles } from "#media/photo-files";
import { unsupportedType } from "#media/rejection";
import { sniffFile } from "#media/sniff";
import type { ImportTally } from "#workflows/photo-import/contract";
import type { ActivityDeps } from "./deps";
import { withHeartbeat } from "./heartbeat";

/** A minute or two of work: progress is told after each, and as much is looked through again after a kill. */
const filesASlice = 200;
/** One is read while the other is decoded; the pixel budget bounds what both hold. */
const atOnce = 2;
const maxAlbumName = 200;
/** Any UUID, the same for ever: the album of a folder imported before is found by it. */
const albumNamespace = "3f5b7a0e-9a5d-4a6c-8f0f-6f1f6b0a2c11";

type ImportRef = { importId: string };
type Ending = { status: "completed" | "failed" | "cancelled"; error: string | null };
type Slice = { state: "more" | "completed" | "cancelled"; tally: ImportTally };
type Refusal = { code: string; message: string };
type Taken = { outcome: "imported" | "duplicates"; photoId: string } | { outcome: Refusal };

/** A verdict on the file; everything else is a fault of ours, after which the file is tried again. */
const verdicts: ReadonlySet<ErrorKind> = new Set([
  "invalid",
  "too_large",
  "unsupported_type",
  "unprocessable",
]);

/** Takes folders on the server into the library; their files are read and never written. */
export function createImportActivities(deps: ActivityDeps) {
  const { storage, now } = deps;
  const { db } = deps.database;

  /** The folder as it was asked for: still there, and still below a root. */
  async function checkFolder({ path }: PhotoImport): Promise<string> {
    const folder = await resolveImportFolder(deps.config.importRoots, path);
    if (folder.state === "allowed" && folder.path === path) return path;
    throw new AppError({
      kind: "not_found",
      code: "not_found",
      message: "The folder is not there any more, or no longer below IMPORT_ROOTS.",
    });
  }

  /** Makes a file a photo, or says why not. The same file of the same import is the same photo, however often it is taken. */
  async function takeFile(row: PhotoImport, { file, refusal }: WalkedFile): Promise<Taken> {
    if (refusal !== null) return { outcome: { code: "left_out", message: refusal } };
    try {
      return await withImportFile(row.path, file, (opened) => takeOpened(row, file, opened));
    } catch (error) {
      if (!(error instanceof AppError) || !verdicts.has(error.kind)) throw error;
      return { outcome: { code: error.code, message: error.message } };
    }
  }

  async function takeOpened(row: PhotoImport, file: string, opened: OpenedFile): Promise<Taken> {
    // Before a film of gigabytes is copied for nothing.
    if (opened.bytes > 0 && !(await sniffFile(opened.path))) {
      throw unsupportedType("Only JPEG, PNG, WebP, GIF, AVIF and HEIC pictures can be taken.");
    }
    const id = v5(file, row.id);
    // What a try that was killed has left of this very file.
    await storage.removeStaged("uploaded", id);
    await using staged = await storage.stage("uploaded", id);
    const received = await staged.receive(opened.chunks, Number.MAX_SAFE_INTEGER);
    const known = await findUploadByHash(db, received.sha256);
    if (known) return { outcome: known.id === id ? "imported" : "duplicates", photoId: known.id };

    const image = await ingestImage({ path: staged.path, ...received }, deps.decodeLimits);
    await storePhotoFiles(storage, { kind: "uploaded", id }, staged, image);
    const filename = displayName(file, "photo");
    const photo = { id, filename, createdAt: now(), title: null, tags: [], image };
    if (await insertUpload(db, uploadedPhoto(photo), undefined)) {
      return { outcome: "imported", photoId: id };
    }
    const winner = await findUploadByHash(db, received.sha256);
    if (winner?.id !== id) {
      await removePhotoFiles(storage, { kind: "uploaded", id, mimeType: image.mimeType });
    }
    if (!winner) throw new Error("the photo that was there first is gone");
    return { outcome: winner.id === id ? "imported" : "duplicates", photoId: winner.id };
  }

  /** The album of a file's folder gets it as its last photo; files of the import's own folder are in none. */
  async function putIntoAlbum(row: PhotoImport, file: string, photoId: string): Promise<void> {
    const folder = file.split("/").slice(0, -1);
    const last = folder.at(-1);
    if (!row.makesAlbums || last === undefined) return;
    const albumId = v5(`${row.path}/${folder.join("/")}`, albumNamespace);
    // Never with half a character at its end.
    const name = displayName(last, "Photos")
      .slice(0, maxAlbumName)
      .replace(/[\uD800-\uDBFF]$/, "");
    await insertAlbum(db, { id: albumId, name, description: null, coverPhotoId: null });
    await db.transaction((tx) => appendToAlbum(tx, { albumId, photoId }));
  }

  async function runSlice(importId: string, signal: AbortSignal): Promise<Slice> {
    let row = await findImport(db, importId);
    if (row?.status !== "processing") return { state: "cancelled", tally: tallyOf(row) };
    if (row.cancelRequestedAt !== null) return { state: "cancelled", tally: tallyOf(row) };
    const folder = await checkFolder(row);
    const running: { file: string; taken: Promise<Taken> }[] = [];
    let begun = 0;
    let isAtEnd = true;

    /** Files are settled in the folder's order, so that the position holds. False: there is no going on. */
    async function settleOldest(current: PhotoImport): Promise<PhotoImport | undefined> {
      const oldest = running.shift();
      if (!oldest) return current;
      const taken = await oldest.taken;
      if ("photoId" in taken) await putIntoAlbum(current, oldest.file, taken.photoId);
      const from = current.position;
      return settleFile(db, { id: importId, from, file: oldest.file, outcome: taken.outcome });
    }

    try {
      for await (const walked of walkImportFolder(folder, row.position)) {
        if (begun === filesASlice) {
          isAtEnd = false;
          break;
        }
        signal.throwIfAborted();
        const taken = takeFile(row, walked);
        // Marked as handled: it is waited for in its turn.
        taken.catch(() => {});
        running.push({ file: walked.file, taken });
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
      // Nothing of this try works on beside the next one.
      await Promise.allSettled(running.map(({ taken }) => taken));
    }
    if (begun > 0) await tellImport(db, row);
    const isCancelled = row.cancelRequestedAt !== null;
    return {
      state: isCancelled ? "cancelled" : isAtEnd ? "completed" : "more",
      tally: tallyOf(row),
    };
  }

  return {
    /** `isNew`: its files were not counted yet. */
    async beginImport({ importId }: ImportRef) {
      const begun = await startImport(db, { id: importId, now: now() });
      return begun ? { state: "live" as const, isNew: begun.isNew } : { state: "ended" as const };
    },

    /** Counts what there is, so that progress has an end to be measured by. */
    countImportFiles: ({ importId }: ImportRef): Promise<void> =>
      withHeartbeat(async (signal) => {
        const row = await findImport(db, importId);
        if (!row) return;
        let found = 0;
        for await (const _file of walkImportFolder(await checkFolder(row), null)) {
          signal.throwIfAborted();
          found += 1;
        }
        await noteFound(db, { id: importId, found });
      }),

    /** Settles the next files. A repeat goes on behind the last one that was settled, which the row says. */
    importSlice: ({ importId }: ImportRef): Promise<Slice> =>
      withHeartbeat((signal) => runSlice(importId, signal)),

    async endImport({ importId, status, error }: ImportRef & Ending): Promise<void> {
      await endImport(db, { id: importId, status, error, now: now() });
    },
  };
}

function tallyOf(row: PhotoImport | undefined): ImportTally {
  const { found = 0, imported = 0, duplicates = 0, failed = 0 } = row ?? {};
  return { found, imported, duplicates, failed };
}
