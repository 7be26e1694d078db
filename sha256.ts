import { type BinaryToTextEncoding, createHash } from "node:crypto";

/** SHA-256 of bytes, or of a text as UTF-8; lower-case hex unless another encoding is named. */
export function sha256Of(
  content: string | NodeJS.ArrayBufferView,
  encoding: BinaryToTextEncoding = "hex",
): string {
  return createHash("sha256").update(content).digest(encoding);
}

/** SHA-256 of a stream, lower-case hex. */
export async function sha256OfStream(
  chunks: AsyncIterable<Uint8Array>,
  onChunk: (chunk: Uint8Array) => void = () => {},
): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of chunks) {
    hash.update(chunk);
    onChunk(chunk);
  }
  return hash.digest("hex");
}
