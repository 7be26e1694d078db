import { AppError } from "#errors";
import { storageFault } from "../storage/faults";

/** The 422 for a picture that is not accepted; `reason` is a sentence for the sender. */
export function imageRejected(reason: string, cause?: unknown): AppError {
  return new AppError({
    kind: "unprocessable",
    code: "image_rejected",
    message: reason,
    cause,
  });
}

/** The 415 for content that is not of an accepted type. */
export function unsupportedType(reason: string): AppError {
  return new AppError({
    kind: "unsupported_type",
    code: "unsupported_media_type",
    message: reason,
  });
}

/** Translates the decoder's error: its own message may contain paths and does not help the sender. */
export function decodeFault(error: unknown): AppError {
  const said = error instanceof Error ? error.message : "";
  if (said.startsWith("Input file is missing")) return storageFault(error);
  if (said.startsWith("timeout:")) {
    return imageRejected("The picture takes too long to decode; send a smaller one.", error);
  }
  return imageRejected("The picture is damaged or incomplete; send it again or re-save it.", error);
}
