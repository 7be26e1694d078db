import { invalid } from "#errors";
import { openZip, type ZipReader } from "#media/archives/zip-reader";
import { badDocument, checkFiles } from "./check";
import type { DocumentJob, DocumentPart } from "./document-thread";
import { archiveBounds, documentName, type SessionDocument } from "./format";

/** A document at all its bounds takes some seconds on a slow machine. */
const readingMs = 60_000;

/** Opens a received archive. The caller closes it. */
export function openArchive(path: string): Promise<ZipReader> {
  const { photos, extraEntries, nameBytes } = archiveBounds;
  return openZip(path, { maxEntries: photos + extraEntries, maxNameBytes: nameBytes });
}

/**
 * Reads the document of an archive and checks it in full. The result needs no further checks.
 * @param maxBytes of all pictures together
 * @throws AppError validation_error
 */
export async function readDocument(archive: ZipReader, maxBytes: number): Promise<SessionDocument> {
  if (!archive.has(documentName)) {
    throw invalid(`This is not an exported session: it has no ${documentName}.`, [
      { path: documentName, message: "missing" },
    ]);
  }
  const bytes = await archive.bytes(documentName, archiveBounds.documentBytes);
  const document = await parseInThread({ bytes, maxPictureBytes: maxBytes });
  checkFiles(document, archive);
  return document;
}

/** Parses in a thread, so that the event loop keeps answering. A thread that takes too long is terminated. */
async function parseInThread(job: DocumentJob): Promise<SessionDocument> {
  const { promise, resolve, reject } = Promise.withResolvers<SessionDocument>();
  const thread = new Worker(new URL("./document-thread.ts", import.meta.url).href, { smol: true });
  const timer = setTimeout(() => reject(tooLong()), readingMs);
  const lists: Record<string, unknown[]> = { steps: [], photos: [], lineage: [] };
  let head: object | undefined;
  thread.addEventListener("message", ({ data }: MessageEvent<DocumentPart>) => {
    // The cast is safe: the thread has checked every part.
    if (data === "end") resolve({ ...head, ...lists } as unknown as SessionDocument);
    else if ("head" in data) head = data.head;
    else if ("list" in data) lists[data.list]!.push(...data.items);
    else reject(invalid(data.fault.message, data.fault.errors));
  });
  thread.addEventListener("error", ({ message }) => reject(new Error(message)));
  thread.addEventListener("close", () => reject(new Error("the thread ended early")));
  thread.postMessage(job);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
    thread.terminate();
  }
}

function tooLong(): Error {
  const seconds = readingMs / 1_000;
  return badDocument([{ path: documentName, message: `takes more than ${seconds} s to read` }]);
}
