import { conflict, notFound } from "#errors";
import { findPhotoById } from "#db/queries/photos/photo-lookup";
import { reopenRetrieval } from "#db/queries/photos/photos";
import type { Photo } from "#db/schema/photos";
import type { ApiDeps } from "../../deps";

/**
 * Retries a failed retrieval, with attempts counted from zero. One that waits for its next attempt is tried now. The
 * request is a row: if the workflow service is unavailable, reconcile starts the run later.
 * @throws AppError not_found; conflict when there is nothing to fetch
 */
export async function retryRetrieval(deps: ApiDeps, id: string): Promise<Photo> {
  const { photo } = await reopen(deps, id);
  await notifyWorkflows(deps, [photo]);
  return photo;
}

type BatchAnswer = {
  success_count: number;
  failed_count: number;
  details: { retrying: string[]; failed: { id: string; code: string }[] };
};

/** The same for several photos. Those that cannot be retried are listed with an error code. */
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
  await notifyWorkflows(deps, retried);
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
  if (photo.retrievalStatus === "completed") throw conflict("This photo has been fetched already.");
  return { photo };
}

/** Stops at the first failure: each call may take 2 s, and reconcile finds the rows anyway. */
async function notifyWorkflows(deps: ApiDeps, photos: readonly Photo[]): Promise<void> {
  for (const photo of photos) {
    if (!(await deps.temporal.retrievalRetried(photo))) return;
  }
}
