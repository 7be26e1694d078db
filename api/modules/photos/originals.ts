import { listOriginals, type Original } from "#db/queries/originals";
import { AppError } from "#errors";
import type { Content } from "#media/content";
import { originalKey } from "#media/keys";
import type { Storage } from "#media/storage";
import { createEntryNames } from "#media/zip-names";
import type { ApiDeps } from "../../deps";
import { distinctIds } from "../../ids";
import { answerZip, type ZipFile } from "../../zip-answer";

type Deps = Pick<ApiDeps, "database" | "storage">;

/** Files looked at in one turn of the event loop: an album of a hundred thousand holds nobody else up. */
const looksAtOnce = 256;
const listName = "left out.txt";

/**
 * An archive of these photos' originals, in the order asked for, each once.
 * @throws AppError not_found when one of them is not there; nothing is sent then
 */
export async function answerChosenZip(deps: Deps, given: readonly string[]): Promise<Response> {
  const ids = distinctIds(given);
  const found = await listOriginals(deps.database.db, { ids });
  const byId = new Map(found.map((photo) => [photo.id, photo]));
  const missing = ids.filter((id) => !byId.has(id));
  if (missing.length > 0) {
    throw new AppError({
      kind: "not_found",
      code: "not_found",
      message: "A photo named in the request is not there; nothing was sent.",
      details: { path: "ids", missing },
    });
  }
  const chosen = ids.flatMap((id) => byId.get(id) ?? []);
  return answerOriginalsZip(deps, "photos", chosen);
}

/** An archive of originals as they are stored. What cannot be sent is named in a list inside. */
export async function answerOriginalsZip(
  { storage }: Deps,
  title: string,
  photos: readonly Original[],
): Promise<Response> {
  const nameFor = createEntryNames();
  const files: ZipFile[] = [];
  const leftOut: string[] = [];
  for (const [at, photo] of photos.entries()) {
    if (at % looksAtOnce === looksAtOnce - 1) await new Promise(setImmediate);
    const file = await findOriginal(storage, photo);
    if (typeof file === "string") leftOut.push(`${photo.filename}: ${file}`);
    else files.push({ name: nameFor(photo.filename, photo.mimeType ?? ""), ...file });
  }
  if (leftOut.length > 0) {
    const list = new Blob([`${leftOut.join("\r\n")}\r\n`]);
    const modified = photos.at(-1)?.shownAt ?? "";
    files.push({
      name: listName,
      modified,
      bytes: list.size,
      open: async () => ({ bytes: list.size, blob: list }),
    });
  }
  return answerZip(title, files);
}

/** The file of an original, or why there is none. */
async function findOriginal(
  storage: Storage,
  { id, kind, mimeType, retrievalStatus, shownAt }: Original,
): Promise<Omit<ZipFile, "name"> | string> {
  if (retrievalStatus !== "completed" || mimeType === null) return "not fetched from InvokeAI yet";
  const key = originalKey({ id, kind, mimeType });
  const file = await storage.find(key);
  if (!file) return "its file is not where it should be";
  const { bytes } = file;
  const open = async () => (await storage.find(key)) ?? deletedMeanwhile(bytes);
  return { modified: shownAt ?? "", bytes, open };
}

/** In place of a picture that was deleted since the archive was begun: as long as announced, and no picture. */
function deletedMeanwhile(bytes: number): Content {
  const text = "This photo was deleted while the archive was being made.\r\n";
  return { bytes, blob: new Blob([text.slice(0, bytes).padEnd(bytes)]) };
}
