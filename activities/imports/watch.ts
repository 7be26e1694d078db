import { v5 } from "uuid";
import { emitImportProgress, findImport } from "#db/queries/imports/imports";
import {
  findWatchedFiles,
  forgetGoneFiles,
  isContentTaken,
  noteContent,
  noteFolderCheck,
  noteWatchedFiles,
  settleWatchedFile,
} from "#db/queries/imports/watched";
import type { PhotoImport } from "#db/schema/imports";
import { eachOf } from "#each-of";
import { AppError } from "#errors";
import {
  resolveImportFolder,
  type WalkedFile,
  walkImportFolder,
} from "#media/folders/import-folder";
import { sha256Of } from "#sha256";
import type { ImportTally } from "#workflows/photo-import/contract";
import type { ActivityDeps } from "../deps";
import { noteProgress, pause, withHeartbeat } from "../heartbeat";
import { sayWhy } from "./say-why";
import { createFileTaker } from "./take-file";
import { tallyOf } from "./tally";
import { stateOfWatched } from "./watched-state";

/** An activity ends after this long, so that its history starts anew. */
const watchMs = 60 * 60_000;
/** A cancel takes effect within this time. */
const endCheckMs = 1_000;
/** Files that are compared with their rows at once. */
const filesPerPage = 500;
/** As for an import: one is read while the other is decoded. */
const atOnce = 2;
/** Checking a huge tree takes long: the pause after it is so many times longer. */
const restFactor = 4;

type Watched = { isEnded: boolean; tally: ImportTally };

/** Checks a folder on the server again and again, and takes each file once it has stopped changing. */
export function createWatchActivities(deps: ActivityDeps) {
  const { now } = deps;
  const { db } = deps.database;
  const { takeFile, addToFolderAlbum } = createFileTaker(deps);

  async function watch(
    importId: string,
    patienceMs: number,
    signal: AbortSignal,
  ): Promise<Watched> {
    const endsAt = performance.now() + watchMs;
    for (;;) {
      const checkedAt = performance.now();
      const row = await findImport(db, importId);
      const isEnded = !isWatched(row);
      if (isEnded || checkedAt > endsAt) return { isEnded, tally: tallyOf(row) };
      const isIdle = await checkFiles(row, { patienceMs, endsAt, signal });
      const checkMs = isIdle ? performance.now() - checkedAt : 0;
      const restMs = Math.max(patienceMs, restFactor * checkMs);
      const restsUntil = performance.now() + restMs;
      while (performance.now() < restsUntil && isWatched(await findImport(db, importId))) {
        await pause(Math.min(endCheckMs, Math.max(restsUntil - performance.now(), 1)), signal);
      }
    }
  }

  type CheckOptions = { patienceMs: number; endsAt: number; signal: AbortSignal };

  /** Checks every file of the folder once. @returns whether there was nothing to take */
  async function checkFiles(begun: PhotoImport, options: CheckOptions): Promise<boolean> {
    const importId = begun.id;
    const folder = await resolveImportFolder(deps.config.importRoots, begun.path);
    if (folder.state !== "allowed" || folder.path !== begun.path) {
      await noteFolderCheck(db, { importId, awayReason: whyAway });
      return true;
    }
    const pages = pagesOf(begun.path);
    /** Those that are refused or may still be written. */
    const open = new Set<string>();
    let changing = 0;
    let row: PhotoImport = begun;
    for (;;) {
      options.signal.throwIfAborted();
      const page = await nextPage(pages);
      if ("awayReason" in page) {
        await noteFolderCheck(db, { importId, ...page });
        return true;
      }
      const settled = await settlePage(row, page.files, options);
      if (settled === undefined) return false;
      for (const hash of settled.open) open.add(hash);
      changing += settled.changing;
      row = settled.row;
      if (page.isLast) break;
    }
    await forgetGoneFiles(db, { importId, present: open });
    await noteFolderCheck(db, { importId, lookedAt: now(), changing });
    const hasNews = JSON.stringify(tallyOf(row)) !== JSON.stringify(tallyOf(begun));
    if (hasNews) await emitImportProgress(db, row);
    return !hasNews;
  }

  /** Notes files that changed and takes those that did not. Undefined when the import has ended, or it is time to start anew. */
  async function settlePage(
    begun: PhotoImport,
    files: WalkedFile[],
    { patienceMs, endsAt, signal }: CheckOptions,
  ): Promise<{ row: PhotoImport; open: string[]; changing: number } | undefined> {
    const importId = begun.id;
    const seen = files.map((walked) => {
      const { size, modifiedMs } = walked;
      return { walked, file: { fileHash: sha256Of(walked.file), size, modifiedMs } };
    });
    const hashes = seen.map(({ file }) => file.fileHash);
    const noted = await findWatchedFiles(db, { importId, hashes });
    const at = now();
    const states = seen.map((one) => ({
      ...one,
      state: stateOfWatched(noted.get(one.file.fileHash), { ...one.file, now: at, patienceMs }),
    }));
    const changed = states.filter(({ state }) => state === "changed").map(({ file }) => file);
    await noteWatchedFiles(db, { importId, files: changed, now: at });

    const open = states.flatMap(({ state, file }) =>
      ["changed", "waits", "refused"].includes(state) ? [file.fileHash] : [],
    );
    const ready = states.filter(({ state }) => state === "ready");
    let row: PhotoImport | undefined = begun;
    await eachOf(ready, { atOnce, signal }, async ({ walked, file }) => {
      noteProgress();
      if (!row) return;
      const taken = await takeFile(begun, walked, {
        id: v5(JSON.stringify([walked.file, file.size, file.modifiedMs]), importId),
        onlyUnchanged: true,
        isTakenBefore: (contentHash) => isContentTaken(db, { importId, contentHash }),
        alongside: (tx, { contentHash }) => noteContent(tx, { importId, contentHash }),
      });
      await addToFolderAlbum(begun, walked, taken);
      const { outcome } = taken;
      const contentHash = "contentHash" in taken ? taken.contentHash : null;
      const ending = { importId, ...file, shown: walked.shown, contentHash, outcome };
      const settled = await settleWatchedFile(db, ending);
      if (typeof outcome !== "string") open.push(file.fileHash);
      row = settled && isWatched(settled) && performance.now() < endsAt ? settled : undefined;
    });
    if (!row) return undefined;
    const changing = states.filter(({ state }) => state === "changed" || state === "waits").length;
    return { row, open, changing };
  }

  return {
    /** Watches a folder for an hour, or until the import is cancelled. */
    watchFolder: (input: { importId: string; patienceMs: number }): Promise<Watched> =>
      withHeartbeat((signal) =>
        sayWhy(db, input.importId, () => watch(input.importId, input.patienceMs, signal)),
      ),
  };
}

type Page = { files: WalkedFile[]; isLast: boolean };

async function* pagesOf(folder: string): AsyncGenerator<Page, undefined> {
  let files: WalkedFile[] = [];
  for await (const walked of walkImportFolder(folder, null)) {
    noteProgress();
    files.push(walked);
    if (files.length < filesPerPage) continue;
    yield { files, isLast: false };
    files = [];
  }
  yield { files, isLast: true };
}

/** A folder that cannot be listed is away, however the file system says so. */
async function nextPage(pages: ReturnType<typeof pagesOf>): Promise<Page | { awayReason: string }> {
  try {
    return (await pages.next()).value ?? { files: [], isLast: true };
  } catch (error) {
    return { awayReason: error instanceof AppError ? error.message : whyAway };
  }
}

const whyAway = "The folder cannot be found at present; it is checked again until it is back.";

function isWatched(row: PhotoImport | undefined): row is PhotoImport {
  return row?.status === "processing" && row.cancelRequestedAt === null;
}
