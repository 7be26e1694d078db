import { readFile } from "node:fs/promises";
import { crc32, deflateSync } from "node:zlib";
import type { ColourCodes } from "./colour/code-points";
import { type PngChunk, walkPngFile } from "./png-chunks";

/** The chunks that `cICP` overrides (PNG specification 3, 11.3.2.6). */
const replaced = new Set(["cICP", "iCCP", "sRGB", "gAMA", "cHRM"]);

/** The code points of a PNG's `cICP` chunk; undefined when there is none. */
export async function readPngCodes(path: string): Promise<ColourCodes | undefined> {
  const chunk = (await listLeadingChunks(path)).find(({ type }) => type === "cICP");
  if (chunk?.bytes !== 4) return undefined;
  const [primaries, transfer, , range] = chunk.peek;
  return { primaries: primaries!, transfer: transfer!, isFullRange: range !== 0 };
}

/** Replaces all colour information of the PNG with a profile, which decoders support. */
export async function withPngProfile(path: string, profile: Uint8Array): Promise<Buffer> {
  const [header, ...others] = await listLeadingChunks(path);
  const file = await readFile(path);
  if (!header) return file;
  const data = Buffer.concat([
    Buffer.from("iCCPprofile\0\0", "latin1"),
    deflateSync(profile, { level: 1 }),
  ]);
  const frame = Buffer.alloc(8);
  frame.writeUInt32BE(data.length - 4, 0);
  frame.writeUInt32BE(crc32(data), 4);
  const kept = others.filter(({ type }) => !replaced.has(type));
  return Buffer.concat([
    file.subarray(0, header.to),
    frame.subarray(0, 4),
    data,
    frame.subarray(4),
    ...kept.map(({ from, to }) => file.subarray(from, to)),
    file.subarray(others.at(-1)?.to ?? header.to),
  ]);
}

/** The chunks before the first `IDAT`. */
async function listLeadingChunks(path: string): Promise<PngChunk[]> {
  const chunks: PngChunk[] = [];
  await walkPngFile(path, (chunk) => chunk.type !== "IDAT" && chunks.push(chunk) > 0);
  return chunks;
}
