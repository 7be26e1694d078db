import { and, eq, lt } from "drizzle-orm";
import type { Db } from "../../client";
import { deleteInSlices } from "../../delete-slice";
import { uploadedSources } from "../../schema/uploaded-sources";

type SourceRef = { backend: string; contentHash: string };

/** The name of these bytes on a backend; it may have deleted them since. */
export async function findUploadedSource(db: Db, source: SourceRef): Promise<string | undefined> {
  const [row] = await db
    .select({ imageName: uploadedSources.imageName })
    .from(uploadedSources)
    .where(
      and(
        eq(uploadedSources.backend, source.backend),
        eq(uploadedSources.contentHash, source.contentHash),
      ),
    );
  return row?.imageName;
}

/** Records the newest upload of these bytes. */
export async function noteUploadedSource(
  db: Db,
  upload: SourceRef & { imageName: string; now: Date },
): Promise<void> {
  const { backend, contentHash, imageName, now } = upload;
  await db
    .insert(uploadedSources)
    .values({ backend, contentHash, imageName, uploadedAt: now })
    .onConflictDoUpdate({
      target: [uploadedSources.backend, uploadedSources.contentHash],
      set: { imageName, uploadedAt: now },
    });
}

/** Deletes the record of an upload that the backend no longer has, so that the next step uploads the image again. */
export async function forgetUploadedSource(
  db: Db,
  upload: { backend: string; imageName: string },
): Promise<void> {
  await db
    .delete(uploadedSources)
    .where(
      and(
        eq(uploadedSources.backend, upload.backend),
        eq(uploadedSources.imageName, upload.imageName),
      ),
    );
}

/** Deletes records older than `before`: a later step uploads its source again. Returns how many. */
export function deleteUploadedSourcesBefore(
  db: Db,
  before: Date,
  onSlice?: () => void,
): Promise<number> {
  return deleteInSlices(
    db,
    { from: uploadedSources, where: lt(uploadedSources.uploadedAt, before) },
    onSlice,
  );
}
