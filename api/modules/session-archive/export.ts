import { readSession, type SessionRows } from "#db/queries/archives/session-archive";
import { conflict, notFound } from "#errors";
import { findOriginal, originalOf } from "#library/original";
import { extensionFor } from "#media/pictures/formats";
import type { Storage } from "#media/storage/storage";
import type { ApiDeps } from "../../deps";
import { answerZip, type ZipFile } from "../../http/responses/zip-answer";
import { sessionToDocument } from "./document";
import { documentName } from "./format";

type Deps = Pick<ApiDeps, "database" | "storage" | "now">;

/**
 * A session as one archive: `session.json`, then the originals. It is produced as it is read.
 * @throws AppError not_found; conflict while a step is running
 */
export async function exportSession(deps: Deps, sessionId: string): Promise<Response> {
  const { storage } = deps;
  const rows = await readSession(deps.database.db, sessionId);
  if (!rows) throw notFound("session");
  if (rows.steps.some(({ completedAt }) => completedAt === null)) {
    throw conflict("A step of the session is still running; cancel it or wait for its end.");
  }
  const pictures = await listPictures(storage, rows);
  const names = new Map([...pictures].map(([id, { name }]) => [id, name]));
  const exportedAt = deps.now();
  const document = new Blob([JSON.stringify(sessionToDocument(rows, names, exportedAt), null, 2)]);
  const title =
    rows.session.title ?? `session ${rows.session.startedAt.toISOString().slice(0, 10)}`;
  return answerZip(title, [
    {
      name: documentName,
      modified: exportedAt.toISOString(),
      bytes: document.size,
      open: async () => ({ bytes: document.size, content: document }),
    },
    ...pictures.values(),
  ]);
}

/** The existing originals by photo id. Entry names contain the step's position and the image's number. */
async function listPictures(
  storage: Storage,
  { photos, steps, slots }: SessionRows,
): Promise<Map<string, ZipFile>> {
  const positions = new Map(steps.map((step) => [step.id, step.position]));
  const stems = new Map(
    slots.map((slot) => [slot.photoId, `${padded(positions.get(slot.stepId))}-${slot.index + 1}`]),
  );
  const pictures = new Map<string, ZipFile>();
  let sources = 0;
  for (const photo of photos) {
    const original = photo.deletedAt === null ? originalOf(photo) : undefined;
    const file = original && (await findOriginal(storage, original));
    if (!original || !file) continue;
    const stem = stems.get(photo.id) ?? `source-${(sources += 1)}`;
    pictures.set(photo.id, {
      name: `images/${stem}.${extensionFor(original.mimeType)}`,
      modified: photo.shownAt ?? "",
      bytes: file.bytes,
      open: async () => (await findOriginal(storage, original)) ?? deletedMeanwhile(),
    });
  }
  return pictures;
}

/** The document already names this file: a broken download is better than an incomplete archive. */
function deletedMeanwhile(): never {
  throw new Error("a photo was deleted while its session was being exported");
}

function padded(position: number | undefined): string {
  return String(position ?? 0).padStart(3, "0");
}
