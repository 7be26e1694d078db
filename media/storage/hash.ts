import { createHash } from "node:crypto";

/** SHA-256 of a stream, lower-case hex. */
export async function hashOf(
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
