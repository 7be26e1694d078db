import type { Db } from "#db/client";
import { noteFolderCheck } from "#db/queries/imports/watched";
import { AppError } from "#errors";

/** Works on an import. What keeps it from going on, such as a full disk, is noted in its row; then it is tried again. */
export async function sayWhy<T>(db: Db, importId: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof AppError)
      await noteFolderCheck(db, { importId, awayReason: error.message });
    throw error;
  }
}
