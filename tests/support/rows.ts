import { eq, sql } from "drizzle-orm";
import type { Db } from "#db/client";
import { noteWorker, type RunningWorker } from "#db/queries/installation/workers";
import { albumPhotos, albums } from "#db/schema/albums";
import { findModel } from "#db/queries/models/models";
import { type Model, modelPlaces, models } from "#db/schema/models";
import { type NewPhoto, type Photo, photos } from "#db/schema/photos";
import { workers } from "#db/schema/workers";
import { searchColumns } from "#db/search/search-words";
import { sha256Of } from "#sha256";

/** Inserts a model that can generate images, available at `local`. */
export async function insertModel(db: Db, overrides: Partial<Model> = {}): Promise<Model> {
  const { isAvailable = true, ...columns } = overrides;
  const key = overrides.key ?? `model-${crypto.randomUUID()}`;
  await db.insert(models).values({
    key,
    hash: `blake3:${key}`,
    name: "Tiny",
    type: "main",
    base: "sd-1",
    format: "diffusers",
    defaults: { width: 512, height: 512, steps: 20, cfgScale: 7, scheduler: "euler" },
    accepts: {
      sizeMultiple: 8,
      minSize: 64,
      maxSize: 2048,
      schedulers: ["euler", "ddim"],
      negativePrompt: true,
      maxClipSkip: 11,
      guidance: false,
    },
    ...columns,
  });
  if (isAvailable) await db.insert(modelPlaces).values({ place: "local", key });
  return (await findModel(db, key))!;
}

/** Columns of a photo whose picture was not received. */
export const unreceived = {
  kind: "generated",
  mimeType: null,
  width: null,
  height: null,
  fileSize: null,
  contentHash: null,
} as const;

/** Inserts the row of a completed photo without its files. */
export async function insertPhoto(db: Db, overrides: Partial<NewPhoto> = {}): Promise<Photo> {
  const id = overrides.id ?? crypto.randomUUID();
  const photo: NewPhoto = {
    id,
    kind: "uploaded",
    filename: "photo.png",
    mimeType: "image/png",
    width: 64,
    height: 48,
    fileSize: 1000,
    contentHash: sha256Of(id),
    retrievalStatus: "completed",
    ...overrides,
  };
  const [row] = await db
    .insert(photos)
    .values({ ...searchColumns(photo), ...photo })
    .returning();
  return row!;
}

/** Inserts an album with these photos in this order. */
export async function insertAlbum(db: Db, photoIds: string[], name = "Summer"): Promise<string> {
  const id = crypto.randomUUID();
  await db.insert(albums).values({ id, name });
  if (photoIds.length > 0) {
    await db
      .insert(albumPhotos)
      .values(photoIds.map((photoId, at) => ({ albumId: id, photoId, rank: (at + 1) * 1_000 })));
  }
  return id;
}

/** Inserts a running worker; `silentSeconds`: for so long it was not seen. */
export async function insertWorker(
  db: Db,
  worker: Partial<RunningWorker> = {},
  silentSeconds = 0,
): Promise<string> {
  const id = crypto.randomUUID();
  const all = { roles: ["generation", "images", "housekeeping"], importRoots: [] };
  await noteWorker(db, { id, host: "a", ...all, ...worker });
  const seenAt = sql`now() - ${silentSeconds}::int * interval '1 second'`;
  await db.update(workers).set({ seenAt }).where(eq(workers.id, id));
  return id;
}
