/** The SHA-256 of a file, hex, and its length; read piece by piece. */
export async function hashFile(
  path: string,
  onChunk: () => void = () => {},
): Promise<{ bytes: number; sha256: string }> {
  const hash = new Bun.CryptoHasher("sha256");
  let bytes = 0;
  for await (const chunk of Bun.file(path).stream()) {
    hash.update(chunk);
    bytes += chunk.byteLength;
    onChunk();
  }
  return { bytes, sha256: hash.digest("hex") };
}
