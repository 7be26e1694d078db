import { AppError } from "#errors";
import type { ReceivedFile, StagedFile, Storage } from "#media/storage";
import { bodyChunks } from "./body-stream";
import { boundaryOf, multipartParts, type Part } from "./multipart";

/** A file of a form, hashed on its way to a staged file that is the caller's to commit or abort. */
export type FormFile = { staged: StagedFile; received: ReceivedFile };

/**
 * The parts of a request's form as they arrive.
 * @param wanted what to send instead of another kind of body
 * @throws AppError unsupported_media_type, validation_error
 */
export function formParts(request: Request, wanted: string): AsyncIterable<Part> {
  const boundary = boundaryOf(request.headers.get("content-type"));
  if (boundary !== undefined) return multipartParts(bodyChunks(request), boundary);
  throw new AppError({
    kind: "unsupported_type",
    code: "unsupported_media_type",
    message: wanted,
  });
}

/**
 * Receives the file of a part; on any fault nothing is left behind.
 * @throws AppError validation_error, payload_too_large, storage_error
 */
export async function stageFile(part: Part, storage: Storage, maxBytes: number): Promise<FormFile> {
  const staged = await storage.stage("uploaded");
  try {
    return { staged, received: await staged.receive(part.body, maxBytes) };
  } catch (error) {
    await staged.abort();
    throw error;
  }
}
