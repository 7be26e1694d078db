import { ProviderError } from "#errors";
import type { InvokeAiClient } from "../adapters/invokeai/client";
import { maxImageBytes } from "./receive-image";

/** The chunk that ends every PNG: length, IEND, checksum. */
const pngEnd = Buffer.from("0000000049454e44ae426082", "hex");

/** Faults of the file itself. Others are faults of InvokeAI's state, after which the file may be there. */
const fileFaults: ReadonlySet<ProviderError["fault"]> = new Set(["missing", "broken", "rejected"]);

/**
 * Whether InvokeAI has the complete file of an image. InvokeAI writes the record first: if it was killed in between, the
 * file is missing or incomplete.
 * @throws ProviderError when InvokeAI cannot answer now
 */
export async function hasWholeImage(
  invokeai: InvokeAiClient,
  imageName: string,
  signal: AbortSignal,
): Promise<boolean> {
  let tail = Buffer.alloc(0);
  const sink = {
    async write(chunk: Uint8Array): Promise<void> {
      tail = Buffer.concat([tail, chunk.subarray(-pngEnd.length)]).subarray(-pngEnd.length);
    },
  };
  try {
    await invokeai.downloadImage({ imageName, sink, maxBytes: maxImageBytes }, signal);
  } catch (error) {
    if (error instanceof ProviderError && fileFaults.has(error.fault)) return false;
    throw error;
  }
  return tail.equals(pngEnd);
}
