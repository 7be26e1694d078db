import type { Config } from "#config";
import { payloadTooLarge } from "#errors";
import type { IncomingRequest } from "../request";
import { maxMaskBytes, type takesStepForm } from "./step-form";

/** Allowance for everything in a body but its files: fields and the headers of parts. */
const formBytes = 8 * 1024 * 1024;
const otherBytes = 1024 * 1024;

/** For the `detail` of a route whose body holds files: its Content-Length may be larger. */
export const takesPhotos = { "x-body": "photos" } as const;
export const takesArchive = { "x-body": "archive" } as const;

export type BodyKind =
  | (typeof takesPhotos | typeof takesArchive | typeof takesStepForm)["x-body"]
  | undefined;

/**
 * Refuses a request whose Content-Length exceeds the limit of its route, before its body is read. A body without a
 * Content-Length is limited while it is read.
 */
export function createLengthCheck({ limits }: Config) {
  const bounds = {
    photos: limits.maxBatchSize * limits.maxUploadBytes + formBytes,
    archive: limits.maxArchiveBytes + formBytes,
    step: maxMaskBytes + 2 * otherBytes,
  };

  /** @throws AppError payload_too_large */
  return (incoming: IncomingRequest, kind: BodyKind): void => {
    const declared = Number(incoming.request.headers.get("content-length") ?? 0);
    const maxBytes = kind === undefined ? otherBytes : bounds[kind];
    if (!(declared > maxBytes)) return;
    incoming.isBodyCut = true;
    throw payloadTooLarge(`The body of this request may hold at most ${maxBytes} bytes.`, {
      max_bytes: maxBytes,
    });
  };
}
