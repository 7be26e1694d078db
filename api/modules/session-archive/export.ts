import { readSession, type SessionRows } from "#db/queries/session-archive";
import type { Photo } from "#db/schema/photos";
import { conflict, notFound } from "#errors";
import { originalKey } from "#media/keys";
import type { Storage } from "#media/storage";
import type { ApiDeps } from "../../deps";
import { answerZip, type ZipFile } from "../../zip-answer";
import { sessionToDocument } from "./document";
import { documentName } from "./format";

type Deps = Pick<ApiDeps, "database" | "storage" | "now">;

/**
 * A session as one archive: what it is made of as JSON, then the originals. Made as it is read.
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
      open: async () => ({ bytes: document.size, blob: document }),
    },
    ...pictures.values(),
  ]);
}

/** The originals that are there, by photo, under names that tell a person step and image. */
async function listPictures(
  storage: Storage,
  { photos, steps, slots }: SessionRows,
): Promise<Map<string, ZipFile>> {
  const positions = new Map(steps.map((step) => [step.id, step.position]));
  const places = new Map(
    slots.map((slot) => [slot.photoId, `${padded(positions.get(slot.stepId))}-${slot.index + 1}`]),
  );
  const pictures = new Map<string, ZipFile>();
  let sources = 0;
  for (const photo of photos) {
    const key = keyOf(photo);
    const file = key && (await storage.find(key));
    if (!key || !file) continue;
    const place = places.get(photo.id) ?? `source-${(sources += 1)}`;
    const extension = key.slice(key.lastIndexOf("."));
    pictures.set(photo.id, {
      name: `images/${place}${extension}`,
      modified: photo.shownAt ?? "",
      bytes: file.bytes,
      open: async () => (await storage.find(key)) ?? deletedMeanwhile(),
    });
  }
  return pictures;
}

function keyOf({ id, kind, mimeType, retrievalStatus, deletedAt }: Photo): string | undefined {
  if (deletedAt !== null || retrievalStatus !== "completed" || mimeType === null) return undefined;
  return originalKey({ id, kind, mimeType });
}

/** What was promised in the document cannot be sent: better a broken download than a wrong archive. */
function deletedMeanwhile(): never {
  throw new Error("a photo was deleted while its session was being exported");
}

function padded(position: number | undefined): string {
  return String(position ?? 0).padStart(3, "0");
}
