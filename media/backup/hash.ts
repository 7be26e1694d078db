import { hashOf } from "../storage/hash";

/** The SHA-256 of a file, hex, and its length; read piece by piece. */
export async function hashFile(path: string): Promise<{ bytes: number; sha256: string }> {
  let bytes = 0;
  const sha256 = await hashOf(Bun.file(path).stream(), (chunk) => (bytes += chunk.byteLength));
  return { bytes, sha256 };
}
