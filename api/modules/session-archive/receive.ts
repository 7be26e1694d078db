import { type AppError, invalid } from "#errors";
import type { Storage } from "#media/storage/storage";
import type { IncomingRequest } from "../../http/request";
import { type FormFile, formParts, stageFile } from "../../http/bodies/form-files";

const wanted = "Send the archive as multipart/form-data, as a part named file.";

/**
 * Receives the one file of a form. On any fault nothing is left behind. The caller aborts the returned file.
 * @throws AppError unsupported_media_type, validation_error, payload_too_large, storage_error
 */
export async function receiveArchive(
  incoming: IncomingRequest,
  storage: Storage,
  maxBytes: number,
): Promise<FormFile> {
  let archive: FormFile | undefined;
  try {
    for await (const part of formParts(incoming, wanted)) {
      if (part.name !== "file") throw badForm(part.name, "unknown field");
      if (archive) throw badForm("file", "only one archive at a time");
      archive = await stageFile(part, storage, maxBytes);
    }
    if (!archive) throw badForm("file", "missing");
    return archive;
  } catch (error) {
    await archive?.staged.abort();
    throw error;
  }
}

function badForm(path: string, message: string): AppError {
  return invalid("Send one exported session, as the part named file.", [{ path, message }]);
}
