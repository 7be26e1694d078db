import {
  findSessionState,
  importAlone,
  insertImportedSession,
  listAncestry,
} from "#db/queries/archives/session-import";
import type { Tx } from "#db/client";
import { eachOf } from "#each-of";
import { AppError, conflict } from "#errors";
import { storePicture } from "#library/keep";
import { removePhotoFiles } from "#media/storage/photo-files";
import type { ZipReader } from "#media/archives/zip-reader";
import { sha256Of } from "#sha256";
import type { ApiDeps } from "../../deps";
import type { Answer, Once } from "../../http/idempotency";
import type { IncomingRequest } from "../../http/request";
import type { sessionSchema } from "../generation/session-model";
import { readSentMask } from "../generation/mask";
import { showSession } from "../generation/show-session";
import { badDocument } from "./check";
import { checkSources, hasCycle } from "./cycles";
import type { DocumentPhoto, SessionDocument } from "./format";
import { type Plan, planImport } from "./plan";
import { openArchive, readDocument } from "./read";
import { receiveArchive } from "./receive";
import { documentToRows, type Masks, type Pictures } from "./rows";

/** Pictures that are decoded at the same time; each also takes its share of the decode budget. */
const picturesAtOnce = 3;
/** How often a waiting import checks whether another one has ended. */
const pollMs = 250;

/** `POST /generation/sessions/import`: 201 with the session, 200 if it exists already. */
export async function importSession(
  deps: ApiDeps,
  incoming: IncomingRequest,
  once: Once,
): Promise<Answer<typeof sessionSchema.static>> {
  once.checkKey();
  const { maxArchiveBytes } = deps.config.limits;
  const { staged, received } = await receiveArchive(incoming, deps.storage, maxArchiveBytes);
  try {
    incoming.allowAnyDuration();
    return await once.answer(received.contentHash, async () => {
      await using archive = await openArchive(staged.path);
      const document = await readDocument(archive, maxArchiveBytes);
      checkSources(document);
      const isNew = await importInTurn(deps, archive, document);
      return { status: isNew ? 201 : 200, body: await showSession(deps, document.session.id) };
    });
  } finally {
    await staged.abort();
  }
}

/** Imports run one at a time, so that no two write the same photo. False if the session exists already. */
async function importInTurn(
  deps: ApiDeps,
  archive: ZipReader,
  document: SessionDocument,
): Promise<boolean> {
  for (;;) {
    const turn = await importAlone(deps.database.db, (tx) =>
      importDocument(deps, tx, archive, document),
    );
    if (turn) return turn.result;
    await Bun.sleep(pollMs);
  }
}

/**
 * Bytes before rows, the rows all at once. If it is killed in between, files remain that no row names: the sweep finds
 * them, and a repeated import writes them again.
 */
async function importDocument(
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
    const masks = await readMasks(deps, document);
    const pictures = await storePictures(deps, archive, plan, begun);
    // Planned again with the rows locked: storing the pictures may have taken minutes.
    const now = await planImport(tx, document, { hold: true });
    if (!Bun.deepEquals(now, plan)) {
      throw conflict("Photos of the archive changed here during the import; send it again.");
    }
    const rows = documentToRows(document, plan, { pictures, masks }, deps.now());
    await insertImportedSession(tx, rows);
    await checkAncestry(tx, [...rows.links, ...rows.assignments]);
  } catch (error) {
    // Any other fault may mean a lost connection, which ends this import's turn: then the files are left to the sweep.
    if (error instanceof AppError) await removePictures(deps, begun);
    throw error;
  }
  return true;
}

/** The archive and the existing photos can form a cycle together, although neither does alone. */
async function checkAncestry(tx: Tx, changed: readonly { id: string }[]): Promise<void> {
  const ancestry = await listAncestry(
    tx,
    changed.map(({ id }) => id),
  );
  const parents = new Map<string, string[]>();
  for (const { id, parentId } of ancestry) {
    parents.set(id, [...(parents.get(id) ?? []), parentId]);
  }
  if (!hasCycle(parents)) return;
  throw conflict(
    "The archive cannot be imported: together with the photos here its lineage would contain a cycle.",
  );
}

async function storePictures(
  deps: ApiDeps,
  archive: ZipReader,
  plan: Plan,
  begun: DocumentPhoto[],
): Promise<Pictures> {
  const pictures = new Map<string, Awaited<ReturnType<typeof extractPicture>>>();
  const stored = [...plan.fresh, ...plan.refilled].filter(({ file }) => file !== undefined);
  await eachOf(stored, { atOnce: picturesAtOnce }, async (photo) => {
    begun.push(photo);
    pictures.set(photo.id, await extractPicture(deps, archive, photo));
  });
  return pictures;
}

/** Checks each mask like one of a request: its content may come from anywhere. */
async function readMasks(deps: ApiDeps, { masks = [] }: SessionDocument): Promise<Masks> {
  const read = new Map<string, Awaited<ReturnType<typeof readSentMask>>>();
  for (const [at, { content_hash: hash, png }] of masks.entries()) {
    const bytes = Buffer.from(png, "base64");
    if (sha256Of(bytes) !== hash) {
      throw badDocument([{ path: `masks.${at}.png`, message: "has another hash" }]);
    }
    read.set(hash, await readSentMask(deps, bytes));
  }
  return read;
}

/** Extracts one original, checks it against the document, and stores it with its derivatives. */
async function extractPicture(deps: ApiDeps, archive: ZipReader, photo: DocumentPhoto) {
  const { id, kind, file = "", file_size: size = 0, content_hash: hash } = photo;
  await using staged = await deps.storage.stage(kind);
  const received = await staged.receive(archive.chunks(file), size).catch((error: unknown) => {
    throw error instanceof AppError && error.kind === "too_large" ? differs(file) : error;
  });
  if (received.bytes !== size || received.contentHash !== hash) throw differs(file);
  const image = await storePicture(
    deps,
    { kind, id },
    { staged, received },
    {
      verify: ({ mimeType }) => {
        if (mimeType !== photo.mime_type) throw differs(file);
      },
    },
  );
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
