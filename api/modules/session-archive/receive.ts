import { AppError, invalid } from "#errors";
import type { ReceivedFile, StagedFile, Storage } from "#media/storage";
import { bodyChunks } from "../../body-stream";
import { boundaryOf, multipartParts } from "../../multipart";

export type ReceivedArchive = ReceivedFile & { staged: StagedFile };

/**
 * Receives the one file of a form, hashed on its way to a staged file. On any fault nothing is left behind; what is
 * returned is the caller's to abort.
 * @throws AppError unsupported_media_type, validation_error, payload_too_large, storage_error
 */
export async function receiveArchive(
  request: Request,
  storage: Storage,
  maxBytes: number,
): Promise<ReceivedArchive> {
  const boundary = boundaryOf(request.headers.get("content-type"));
  if (boundary === undefined) throw notAForm();
  const staged = await storage.stage("uploaded");
  try {
    let received: ReceivedFile | undefined;
    for await (const part of multipartParts(bodyChunks(request), boundary)) {
      if (part.name !== "file") throw badForm(part.name, "unknown field");
      if (received) throw badForm("file", "only one archive at a time");
      received = await staged.receive(part.body, maxBytes);
    }
    if (!received) throw badForm("file", "missing");
    return { staged, ...received };
  } catch (error) {
    await staged.abort();
    throw error;
  }
}

function badForm(path: string, message: string): AppError {
  return invalid("Send one exported session, as the part named file.", [{ path, message }]);
}

function notAForm(): AppError {
  return new AppError({
    kind: "unsupported_type",
    code: "unsupported_media_type",
    message: "Send the archive as multipart/form-data, as a part named file.",
  });
}
