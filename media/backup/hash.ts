import { sha256OfStream } from "#sha256";

/** What is compared of a file. */
export type Sum = { bytes: number; /** Lower-case hex. */ sha256: string };

/** The SHA-256 of a file, hex, and its length; read piece by piece. */
export async function hashFile(path: string): Promise<Sum> {
  return sumOf(Bun.file(path).stream());
}

export async function sumOf(chunks: AsyncIterable<Uint8Array>): Promise<Sum> {
  let bytes = 0;
  const sha256 = await sha256OfStream(chunks, (chunk) => (bytes += chunk.byteLength));
  return { bytes, sha256 };
}
