import { AppError } from "#errors";

const outOfSpace = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);

/** A file system's error in our words: its own message names a path, so it stays a cause. */
export function storageFault(error: unknown): AppError {
  if (error instanceof AppError) return error;
  const { code } = error as NodeJS.ErrnoException;
  if (code !== undefined && outOfSpace.has(code)) {
    return new AppError({
      kind: "storage_full",
      code: "storage_error",
      message: "There is no room left for photos; free some space on the server and try again.",
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

/** Runs a piece of file work with its errors translated. */
export async function onStorage<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw storageFault(error);
  }
}
