import { AppError } from "#errors";

const outOfSpace = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** Translates a file system error: its own message names a path, so it only becomes the cause. */
export function storageFault(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && outOfSpace.has(code)) {
    return new AppError({
      kind: "storage_full",
      code: "storage_error",
      message: "There is no room left for photos; free some space on the server.",
      cause: error,
    });
  }
  return new AppError({
    kind: "internal",
    code: "server_error",
    message: "The photo storage failed; the server's log says how.",
    cause: error,
  });
}

/** Whether the medium, or the object store, cannot give the bytes that were stored: they are damaged. */
export function isDamage(error: unknown): boolean {
  const { code, cause } = error as NodeJS.ErrnoException;
  return code === "EIO" || (cause instanceof Error && isDamage(cause));
}

/** The error of a write to a folder without its marker. */
export function storageUnmounted(cause?: unknown): AppError {
  return new AppError({
    kind: "storage_full",
    code: "storage_error",
    message:
      "The folder of the photos is not there, or is not the one of this gallery; mount its volume again.",
    cause,
  });
}

/** Runs file operations and translates their errors. */
export async function onStorage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageFault(error);
  }
}
