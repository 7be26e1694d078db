import type { Database } from "#db/client";
import type { Storage } from "#media/storage/storage";

/** The photos: their rows and their bytes. */
export type Library = Readonly<{ database: Database; storage: Storage }>;
