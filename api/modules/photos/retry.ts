import { conflict, notFound } from "#errors";
import { findPhotoById } from "#db/queries/photo-lookup";
import { reopenRetrieval } from "#db/queries/photos";
import type { Photo } from "#db/schema/photos";
import type { ApiDeps } from "../../deps";

/**
 * Has a failed retrieval tried again, attempts counted from zero; one that waits for its next try is
 * tried now. The row decides: when the workflow service cannot be told, the run starts by itself later.
 * @throws AppError not_found; conflict when there is nothing to fetch
 */
export async function retryRetrieval(deps: ApiDeps, id: string): Promise<Photo> {
  const { photo } = await reopen(deps, id);
  await tell(deps, [photo]);
  return photo;
}

type BatchAnswer = {
  success_count: number;
  failed_count: number;
  details: { retrying: string[]; failed: { id: string; code: string }[] };
};

/** The same for several; those that cannot be retried are named with their reason. */
export async function retryRetrievals(deps: ApiDeps, ids: readonly string[]): Promise<BatchAnswer> {
  const retried: Photo[] = [];
  const failed: { id: string; code: string }[] = [];
  for (const id of new Set(ids)) {
    const outcome = await reopen(deps, id).catch((error: unknown) => {
      if (error instanceof Error && "kind" in error && "code" in error) return String(error.code);
      throw error;
    });
    if (typeof outcome === "string") failed.push({ id, code: outcome });
    else retried.push(outcome.photo);
  }
  await tell(deps, retried);
  const retrying = retried.map((photo) => photo.id);
  const counts = { success_count: retrying.length, failed_count: failed.length };
  return { ...counts, details: { retrying, failed } };
}

async function reopen(deps: ApiDeps, id: string): Promise<{ photo: Photo }> {
  const { db } = deps.database;
  const reopened = await reopenRetrieval(db, id);
  if (reopened) return { photo: reopened };
  const photo = await findPhotoById(db, id);
  if (!photo) throw notFound("photo");
  if (photo.retrievalStatus === "completed") throw conflict("This photo is here already.");
  return { photo };
}

/** The first that cannot be told ends it: each try may take 2 s, and the rows are found anyway. */
async function tell(deps: ApiDeps, photos: readonly Photo[]): Promise<void> {
  for (const photo of photos) {
    if (!(await deps.temporal.retrievalRetried(photo.id, photo.sessionId ?? undefined))) return;
  }
}
