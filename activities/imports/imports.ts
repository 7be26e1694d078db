import { v5 } from "uuid";
import { AppError } from "#errors";
import {
  endImport,
  findImport,
  noteFound,
  settleFile,
  startImport,
  emitImportProgress,
} from "#db/queries/imports/imports";
import type { PhotoImport } from "#db/schema/imports";
import {
  resolveImportFolder,
  type WalkedFile,
  walkImportFolder,
} from "#media/folders/import-folder";
import type { ImportTally } from "#workflows/photo-import/contract";
import { queues } from "#workflows/task-queues";
import type { ActivityDeps } from "../deps";
import { noteProgress, withHeartbeat } from "../heartbeat";
import { importQueueOf } from "./import-queue";
import { sayWhy } from "./say-why";
import { createFileTaker, type Taken } from "./take-file";
import { tallyOf } from "./tally";

/** A minute or two of work: progress is reported after each slice. */
const filesPerSlice = 200;
/** One is read while the other is decoded; the decode budget limits the memory of both. */
const atOnce = 2;

type ImportRef = { importId: string };
type Ending = { status: "completed" | "failed" | "cancelled"; error: string | null };
type Slice = { state: "more" | "completed" | "cancelled"; tally: ImportTally };

/** Imports folders on the server into the library; their files are read, never written. */
export function createImportActivities(deps: ActivityDeps) {
  const { now } = deps;
  const { takeFile, addToFolderAlbum } = createFileTaker(deps);
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
      await addToFolderAlbum(current, walked, taken);
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
        const taken = takeFile(row, walked, { id: v5(walked.file, row.id) });
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
    /** `isNew`: its files were not counted yet. `queue`: of the workers that have its root. `watches`: it goes on. */
    async beginImport({ importId }: ImportRef) {
      const begun = await startImport(db, { id: importId, now: now() });
      if (!begun) return { state: "ended" as const };
      const queue = begun.root === null ? queues.images : importQueueOf(begun.root);
      return { state: "live" as const, isNew: begun.isNew, queue, watches: begun.watches };
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
      withHeartbeat((signal) => sayWhy(db, importId, () => runSlice(importId, signal))),

    async endImport({ importId, status, error }: ImportRef & Ending): Promise<void> {
      await endImport(db, { id: importId, status, error, now: now() });
    },
  };
}
