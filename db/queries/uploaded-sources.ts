import { and, eq, lt } from "drizzle-orm";
import type { Db } from "../client";
import { uploadedSources } from "../schema/uploaded-sources";

type Place = { backend: string; contentHash: string };

/** The name under which a backend was given these bytes; that it still has them is not said. */
export async function findUploadedSource(db: Db, place: Place): Promise<string | undefined> {
  const [row] = await db
    .select({ imageName: uploadedSources.imageName })
    .from(uploadedSources)
    .where(
      and(
        eq(uploadedSources.backend, place.backend),
        eq(uploadedSources.contentHash, place.contentHash),
      ),
    );
  return row?.imageName;
}

/** Remembers the newest upload of these bytes. */
export async function noteUploadedSource(
  db: Db,
  upload: Place & { imageName: string; now: Date },
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

/** Forgets an upload that the backend no longer has, so that the next step sends the picture again. */
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

/** Forgets uploads older than `before`: whoever wants one of them sends it again. Returns how many. */
export async function deleteUploadedSourcesBefore(db: Db, before: Date): Promise<number> {
  const gone = await db
    .delete(uploadedSources)
    .where(lt(uploadedSources.uploadedAt, before))
    .returning({ imageName: uploadedSources.imageName });
  return gone.length;
}
