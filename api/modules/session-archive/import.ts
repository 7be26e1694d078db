import { findSessionState, importAlone, insertImportedSession } from "#db/queries/session-import";
import type { Tx } from "#db/client";
import { AppError, conflict } from "#errors";
import { ingestImage } from "#media/ingest";
import { removePhotoFiles, storePhotoFiles } from "#media/photo-files";
import type { ZipReader } from "#media/zip-reader";
import { takeAllTheTime } from "../../answer-time";
import type { ApiDeps } from "../../deps";
import { type Answer, answerOnce, fingerprintOf, idempotencyKeyOf } from "../../idempotency";
import { showSession } from "../generation/show-session";
import { badDocument } from "./check";
import type { DocumentPhoto, SessionDocument } from "./format";
import { type Plan, planImport } from "./plan";
import { openArchive, readDocument } from "./read";
import { receiveArchive } from "./receive";
import { documentToRows, type Pictures } from "./rows";

/** Pictures that are decoded at the same time; each takes its share of the pixels that all may hold. */
const picturesAtOnce = 3;
/** Between two looks whether another import has ended. */
const lookMs = 250;

/** `POST /generation/sessions/import`: 201 with the session, 200 when it is here already. */
export async function importSession(deps: ApiDeps, request: Request): Promise<Answer> {
  const key = idempotencyKeyOf(request);
  const { maxArchiveBytes } = deps.config.limits;
  const { staged, received } = await receiveArchive(request, deps.storage, maxArchiveBytes);
  try {
    takeAllTheTime(request);
    const route = "POST /api/v1/generation/sessions/import";
    return await answerOnce(
      deps,
      { route, key, fingerprint: fingerprintOf(received.sha256) },
      async () => {
        await using archive = await openArchive(staged.path);
        const document = await readDocument(archive, maxArchiveBytes);
        const isNew = await takeSession(deps, archive, document);
        return { status: isNew ? 201 : 200, body: await showSession(deps, document.session.id) };
      },
    );
  } finally {
    await staged.abort();
  }
}

/** Waits its turn: one session at a time, so that no two write the same photo. False when the session is here already. */
async function takeSession(
  deps: ApiDeps,
  archive: ZipReader,
  document: SessionDocument,
): Promise<boolean> {
  for (;;) {
    const turn = await importAlone(deps.database.db, (tx) => takeIn(deps, tx, archive, document));
    if (turn) return turn.result;
    await Bun.sleep(lookMs);
  }
}

/**
 * Bytes before rows, the rows all at once. Killed in between it leaves files that no row names, which the sweep finds
 * and a repeat writes again.
 */
async function takeIn(
  deps: ApiDeps,
  tx: Tx,
  archive: ZipReader,
  document: SessionDocument,
): Promise<boolean> {
  const known = await findSessionState(tx, document.session.id);
  if (known?.isDeleted) {
    throw conflict("The session is being deleted here; try again once its steps have ended.");
  }
  if (known) return false;
  const plan = await planImport(tx, document, { hold: false });
  const begun: DocumentPhoto[] = [];
  try {
    const pictures = await storePictures(deps, archive, plan, begun);
    // Looked at again and held: it may have taken minutes.
    const now = await planImport(tx, document, { hold: true });
    if (!Bun.deepEquals(now, plan)) {
      throw conflict("Photos of the archive changed here meanwhile; send it again.");
    }
    await insertImportedSession(tx, documentToRows(document, plan, pictures, deps.now()));
  } catch (error) {
    // Any other fault may come of a lost connection, and with it the turn is lost: then the sweep has to find them.
    if (error instanceof AppError) await removePictures(deps, begun);
    throw error;
  }
  return true;
}

async function storePictures(
  deps: ApiDeps,
  archive: ZipReader,
  plan: Plan,
  begun: DocumentPhoto[],
): Promise<Pictures> {
  const pictures = new Map<string, Awaited<ReturnType<typeof storePicture>>>();
  const left = [...plan.fresh, ...plan.refilled].filter(({ file }) => file !== undefined).values();
  let isOver = false;
  async function work(): Promise<void> {
    // One iterator for all who work: each takes what is next.
    for (const photo of left) {
      if (isOver) return;
      begun.push(photo);
      pictures.set(photo.id, await storePicture(deps, archive, photo));
    }
  }
  const workers = await Promise.allSettled(
    Array.from({ length: picturesAtOnce }, () =>
      work().catch((error: unknown) => {
        isOver = true;
        throw error;
      }),
    ),
  );
  const failed = workers.find((result) => result.status === "rejected");
  if (failed) throw failed.reason;
  return pictures;
}

/** Takes one original out of the archive, holds it against what the document says, and stores it with its derivatives. */
async function storePicture(deps: ApiDeps, archive: ZipReader, photo: DocumentPhoto) {
  const { id, kind, file = "", file_size: size = 0, content_hash: hash } = photo;
  await using staged = await deps.storage.stage(kind);
  const received = await staged.receive(archive.chunks(file), size).catch((error: unknown) => {
    throw error instanceof AppError && error.kind === "too_large" ? differs(file) : error;
  });
  if (received.bytes !== size || received.sha256 !== hash) throw differs(file);
  const image = await ingestImage({ path: staged.path, ...received }, deps.decoding);
  if (image.mimeType !== photo.mime_type) throw differs(file);
  await storePhotoFiles(deps.storage, { kind, id }, staged, image);
  const { thumbnail: _thumbnail, preview: _preview, ...facts } = image;
  return facts;
}

function differs(file: string): Error {
  return badDocument([{ path: file, message: "is not the picture that session.json describes" }]);
}

async function removePictures({ storage }: ApiDeps, photos: readonly DocumentPhoto[]) {
  for (const { id, kind, mime_type: mimeType = "image/png" } of photos) {
    await removePhotoFiles(storage, { kind, id, mimeType });
  }
}
