import { listOriginals, type Original } from "#db/queries/photos/originals";
import { AppError } from "#errors";
import type { Content } from "#media/storage/content";
import { findOriginal, originalOf } from "#library/original";
import type { Storage } from "#media/storage/storage";
import { createEntryNames } from "#media/archives/zip-names";
import type { ApiDeps } from "../../deps";
import { distinctIds } from "../../fields/ids";
import { answerZip, type ZipFile } from "../../http/responses/zip-answer";

type Deps = Pick<ApiDeps, "database" | "storage">;

/** Files checked in one turn of the event loop, so that a large album does not delay other requests. */
const filesPerTurn = 256;
const listName = "left out.txt";

/**
 * A zip of the originals of these photos, in the order requested, each once.
 * @throws AppError not_found when one of them does not exist; nothing is sent then
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
      message: "A photo named in the request does not exist; nothing was sent.",
      details: { path: "ids", missing },
    });
  }
  const chosen = ids.flatMap((id) => byId.get(id) ?? []);
  return answerOriginalsZip(deps, "photos", chosen);
}

/** A zip of originals as they are stored. A text file inside lists those that cannot be sent. */
export async function answerOriginalsZip(
  { storage }: Deps,
  title: string,
  photos: readonly Original[],
): Promise<Response> {
  const nameFor = createEntryNames();
  const files: ZipFile[] = [];
  const leftOut: string[] = [];
  for (const [at, photo] of photos.entries()) {
    if (at % filesPerTurn === filesPerTurn - 1) await new Promise(setImmediate);
    const file = await findFile(storage, photo);
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
      open: async () => ({ bytes: list.size, content: list }),
    });
  }
  return answerZip(title, files);
}

/** The file of an original, or why there is none. */
async function findFile(
  storage: Storage,
  photo: Original,
): Promise<Omit<ZipFile, "name"> | string> {
  const original = originalOf(photo);
  if (!original) return "not fetched from InvokeAI yet";
  const file = await findOriginal(storage, original);
  if (!file) return "its file is missing";
  const { bytes } = file;
  const open = async () => (await findOriginal(storage, original)) ?? deletedMeanwhile(bytes);
  return { modified: photo.shownAt ?? "", bytes, open };
}

/** Replaces a photo that was deleted after the zip was started. It has the announced length and is not an image. */
function deletedMeanwhile(bytes: number): Content {
  const text = "This photo was deleted while the archive was being made.\r\n";
  return { bytes, content: new Blob([text.slice(0, bytes).padEnd(bytes)]) };
}
