import { AppError } from "#errors";

const outOfSpace = new Set(["ENOSPC", "EDQUOT", "EFBIG"]);
const refused = new Set(["EACCES", "EPERM", "EROFS"]);

/** A fault of the folder of backups that its owner can remove. */
export function backupFault(message: string, cause?: unknown): AppError {
  return new AppError({ kind: "storage_full", code: "storage_error", message, cause });
}

/** Translates an error of the file system below the folder of backups; others stay as they are. */
export function translateFault(error: unknown): unknown {
  const code = (error as NodeJS.ErrnoException | undefined)?.code;
  if (code === undefined) return error;
  if (outOfSpace.has(code)) {
    return backupFault(
      "There is no room left for the backup; free some space, keep fewer backups, or name another folder.",
      error,
    );
  }
  if (refused.has(code)) {
    return backupFault("The folder of backups may not be written by this user.", error);
  }
  return error;
}
