import { AppError } from "#errors";
import type { ReceivedFile, StagedFile, Storage } from "#media/storage/storage";
import { bodyChunks } from "./body-stream";
import { boundaryOf, multipartParts, type Part } from "./multipart";
import type { IncomingRequest } from "../request";

/** A received and hashed file of a form; the caller has to commit or abort the staged file. */
export type FormFile = { staged: StagedFile; received: ReceivedFile };

/**
 * The parts of a request's form as they arrive.
 * @param wanted the message for another kind of body: what to send instead
 * @throws AppError unsupported_media_type, validation_error
 */
export function formParts(incoming: IncomingRequest, wanted: string): AsyncIterable<Part> {
  const boundary = boundaryOf(incoming.request.headers.get("content-type"));
  if (boundary !== undefined) return multipartParts(bodyChunks(incoming, "upload"), boundary);
  throw new AppError({
    kind: "unsupported_type",
    code: "unsupported_media_type",
    message: wanted,
  });
}

/**
 * Receives the file of a part; an error leaves no file behind.
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
