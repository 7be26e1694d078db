import type { Tx } from "#db/client";
import {
  findPhotoStates,
  findTakenSteps,
  type PhotoState,
} from "#db/queries/archives/session-import";
import { AppError, conflict } from "#errors";
import type { DocumentPhoto, SessionDocument } from "./format";
import { type Maker, promptsOf } from "./maker";

/** What an import does with the photos of an archive. */
export type Plan = {
  /** Are created. */
  fresh: DocumentPhoto[];
  /** Deleted for good here, with a row that others still refer to: they get their picture back. */
  refilled: DocumentPhoto[];
  /** In the trash here: they are taken out of it. */
  restored: string[];
  /** Ids of images of the session that exist here and belong to no session: they get its id, step and slot. */
  kept: string[];
  /** Uploads whose bytes exist here under another id, by their id in the archive. */
  aliases: Map<string, string>;
};

/**
 * Compares an archive with the rows here, so that no photo is created twice and nothing else is overwritten.
 * @param options.hold whether the rows found are locked until the transaction ends
 * @throws AppError conflict that names an id which belongs to something else here
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
    if (taken.includes(id)) throw idConflict(`steps.${at}.id`, id, "a step of another session");
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
  const madeBy = makersOf(document);
  const plan: Plan = { fresh: [], refilled: [], restored: [], kept: [], aliases: new Map() };
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
    const maker = madeBy.get(photo.id);
    if (maker) checkOwn(photo, found, maker, path);
    if (found.id !== photo.id) plan.aliases.set(photo.id, found.id);
    planExisting(plan, photo, found, path);
    const isRefilled = plan.refilled.at(-1) === photo;
    if (maker && !isRefilled) plan.kept.push(found.id);
  }
  return plan;
}

/** The step and slot of each image of the session. */
function makersOf({ steps }: SessionDocument): ReadonlyMap<string, Maker> {
  return new Map(
    steps.flatMap((step) =>
      step.slots.flatMap((slot) =>
        slot.photo_id === undefined ? [] : [[slot.photo_id, { step, slot }] as const],
      ),
    ),
  );
}

/**
 * An existing photo with the id of an image of the session must be that image: it becomes part of the session, and is
 * trashed with it. The caller compares bytes. If the archive has none, prompt, model and seed are compared.
 */
function checkOwn(photo: DocumentPhoto, found: PhotoState, maker: Maker, path: string) {
  // The session does not exist here, so these ids are those of another one.
  if (found.stepId !== null || found.sessionId !== null) {
    throw idConflict(path, photo.id, "an image of another session");
  }
  if (photo.file !== undefined || found.purgedAt !== null) return;
  const { generation: made } = found;
  const { step, slot } = maker;
  const { prompt } = promptsOf(maker);
  // A recipe without a model has no hash of one.
  const hash = made?.modelHash ?? "";
  if (made?.seed !== slot.seed || made.prompt !== prompt || hash !== step.model_hash) {
    throw idConflict(path, photo.id, "another photo");
  }
}

function planExisting(plan: Plan, photo: DocumentPhoto, found: PhotoState, path: string): void {
  const { id } = photo;
  if (found.kind !== photo.kind) throw idConflict(path, id, "another photo");
  if (photo.file === undefined) return;
  if (found.purgedAt !== null) {
    if (found.mimeType !== null) {
      throw conflict("A photo of the archive is being deleted; try again in a minute.");
    }
    plan.refilled.push(photo);
    return;
  }
  if (found.contentHash !== photo.content_hash) throw idConflict(path, id, "another photo");
  if (found.deletedAt !== null) plan.restored.push(found.id);
}

function idConflict(path: string, id: string, by: string): AppError {
  return new AppError({
    kind: "conflict",
    code: "conflict",
    message: `The archive cannot be imported: the id ${id} belongs to ${by} here.`,
    details: { path, id },
  });
}
