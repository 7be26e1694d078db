import { open } from "node:fs/promises";
import type { ImageMimeType } from "./formats";
import { onStorage } from "../storage/faults";

/** Enough for the longest signature: an ISO media file may list a dozen brands. */
export const signatureBytes = 256;

const avifBrands = ["avif", "avis"];
const heicBrands = ["heic", "heix", "heim", "heis", "hevc", "hevx", "hevm", "hevs"];
const heifBrands = ["mif1", "msf1", "miaf"];

/** Detects the type by the file's first bytes; undefined for types that are not accepted. */
export function sniffHead(head: Uint8Array): ImageMimeType | undefined {
  const text = (from: number, to: number) =>
    Buffer.from(head.subarray(from, to)).toString("latin1");
  if (text(0, 3) === "\xff\xd8\xff") return "image/jpeg";
  if (text(0, 8) === "\x89PNG\r\n\x1a\n") return "image/png";
  if (text(0, 6) === "GIF87a" || text(0, 6) === "GIF89a") return "image/gif";
  if (text(0, 4) === "RIFF" && text(8, 12) === "WEBP") return "image/webp";
  if (text(4, 8) === "ftyp") return sniffBrands(head, text);
  return undefined;
}

/** Reads only the start of the file. */
export async function sniffFile(path: string): Promise<ImageMimeType | undefined> {
  return onStorage(async () => {
    const file = await open(path);
    try {
      const { buffer, bytesRead } = await file.read(Buffer.alloc(signatureBytes), 0);
      return sniffHead(buffer.subarray(0, bytesRead));
    } finally {
      await file.close();
    }
  });
}

/** ISO/IEC 14496-12 `ftyp`: size, "ftyp", major brand, minor version, compatible brands. */
function sniffBrands(
  head: Uint8Array,
  text: (from: number, to: number) => string,
): ImageMimeType | undefined {
  const boxBytes = new DataView(head.buffer, head.byteOffset, head.byteLength).getUint32(0);
  const end = Math.min(boxBytes, head.byteLength);
  const brands = [text(8, 12)];
  for (let at = 16; at + 4 <= end; at += 4) brands.push(text(at, at + 4));
  // A video file may list image brands too, so its major brand, the first, has to be one of a picture.
  if (![...avifBrands, ...heicBrands, ...heifBrands].includes(brands[0] ?? "")) return undefined;
  const named = brands.find((brand) => [...avifBrands, ...heicBrands].includes(brand));
  if (named === undefined) return "image/heif";
  return avifBrands.includes(named) ? "image/avif" : "image/heic";
}
