import { invalid, payloadTooLarge } from "#errors";
import type { IncomingRequest } from "../request";
import { bodyChunks } from "./body-stream";
import { boundaryOf, multipartParts, type Part } from "./multipart";

/** A drawn mask has some 20 KB. */
export const maxMaskBytes = 8 * 1024 * 1024;

/** For the `detail` of the route of a step: its body may be a form of JSON and a mask. */
export const takesStepForm = { "x-body": "step" } as const;

/**
 * Reads a form with the JSON of a step as part `step` and its mask as part `mask`, which is left in `incoming.mask`.
 * @returns the text of the JSON
 * @throws AppError validation_error, payload_too_large
 */
export async function readStepForm(
  incoming: IncomingRequest,
  boundary: string,
  maxTextBytes: number,
): Promise<Buffer> {
  let text: Buffer | undefined;
  for await (const part of multipartParts(bodyChunks(incoming, "upload"), boundary)) {
    if (part.name === "step" && !text) text = await bytesOf(part, maxTextBytes);
    else if (part.name === "mask" && !incoming.mask) {
      incoming.mask = await bytesOf(part, maxMaskBytes);
    } else throw badForm(part.name, "one part named step, and one named mask");
  }
  if (!text) throw badForm("step", "missing");
  return text;
}

async function bytesOf(part: Part, maxBytes: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of part.body) {
    bytes += chunk.byteLength;
    if (bytes > maxBytes) {
      throw payloadTooLarge(`The part ${part.name} may hold at most ${maxBytes} bytes.`, {
        max_bytes: maxBytes,
      });
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function badForm(path: string, message: string) {
  return invalid(
    "Send the step as JSON in the part named step, and its mask in the part named mask.",
    [{ path, message }],
  );
}

/** The boundary of a step's form; undefined for another kind of body. */
export function stepFormBoundary(incoming: IncomingRequest): string | undefined {
  if (!incoming.takesStepForm) return undefined;
  return boundaryOf(incoming.request.headers.get("content-type"));
}
