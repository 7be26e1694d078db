import type { Tx } from "#db/client";
import { findPhotoStates, findTakenSteps, type PhotoState } from "#db/queries/session-import";
import { AppError, conflict } from "#errors";
import type { DocumentPhoto, SessionDocument } from "./format";

/** What becomes of an archive's photos here. */
export type Plan = {
  /** To be made. */
  fresh: DocumentPhoto[];
  /** Deleted for good here, while something still hangs on their place: they get their picture back. */
  refilled: DocumentPhoto[];
  /** Here already and in the trash, from where they come back. */
  restored: string[];
  /** Uploads whose bytes are here under another id. */
  aliases: Map<string, string>;
};

/**
 * Holds an archive against what is here: no photo is made twice, and nothing else is overwritten.
 * @param options.hold whether what was found is to stay as it is until the transaction ends
 * @throws AppError conflict that names an id which means something else here
 */
export async function planImport(
  tx: Tx,
  document: SessionDocument,
  options: { hold: boolean },
): Promise<Plan> {
  const taken = await findTakenSteps(
    tx,
    document.steps.map(({ id }) => id),
  );
  for (const [at, { id }] of document.steps.entries()) {
    if (taken.includes(id)) throw isTaken(`steps.${at}.id`, id, "a step of another session");
  }
  const states = await findPhotoStates(tx, {
    ids: document.photos.map(({ id }) => id),
    uploadHashes: document.photos.flatMap(({ kind, content_hash: hash }) =>
      kind === "uploaded" && hash !== undefined ? [hash] : [],
    ),
    hold: options.hold,
  });
  const byId = new Map(states.map((state) => [state.id, state]));
  const byHash = new Map(
    states.filter(({ kind }) => kind === "uploaded").map((state) => [state.contentHash, state]),
  );
  const own = new Set(document.steps.flatMap(({ slots }) => slots.map((slot) => slot.photo_id)));
  const plan: Plan = { fresh: [], refilled: [], restored: [], aliases: new Map() };
  for (const [at, photo] of document.photos.entries()) {
    const isUpload = photo.kind === "uploaded";
    const twin = isUpload && photo.content_hash ? byHash.get(photo.content_hash) : undefined;
    const same = byId.get(photo.id);
    const found = same && (same.purgedAt === null || !twin) ? same : twin;
    if (!found) {
      plan.fresh.push(photo);
      continue;
    }
    const path = `photos.${at}.id`;
    // A step of this session is not here, else the session were.
    if (found.stepId !== null && own.has(photo.id)) {
      throw isTaken(path, photo.id, "an image of another session");
    }
    if (found.id !== photo.id) plan.aliases.set(photo.id, found.id);
    place(plan, photo, found, path);
  }
  return plan;
}

function place(plan: Plan, photo: DocumentPhoto, found: PhotoState, path: string): void {
  const { id } = photo;
  if (found.kind !== photo.kind) throw isTaken(path, id, "another photo");
  if (photo.file === undefined) return;
  if (found.purgedAt !== null) {
    if (found.mimeType !== null) {
      throw conflict("A photo of the archive is being deleted; try again in a minute.");
    }
    plan.refilled.push(photo);
    return;
  }
  if (found.contentHash !== photo.content_hash) throw isTaken(path, id, "another photo");
  if (found.deletedAt !== null) plan.restored.push(found.id);
}

function isTaken(path: string, id: string, by: string): AppError {
  return new AppError({
    kind: "conflict",
    code: "conflict",
    message: `The archive cannot be taken: the id ${id} belongs to ${by} here.`,
    details: { path, id },
  });
}
