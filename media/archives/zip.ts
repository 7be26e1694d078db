import { crc32 } from "node:zlib";
import type { Content } from "../storage/content";

/** One file of an archive. */
export type ZipEntry = Readonly<{
  /** Clean and unique in the archive: see `createEntryNames`. */
  name: string;
  /** Local time without zone, `2026-05-01T12:00:00` or with a space; clamped to the years 1980 to 2107. */
  modified: string;
  /** Called when the entry's turn comes, so that only one is open; the length is read then. */
  open: () => Promise<Content>;
}>;

/** Read and sent in one piece: small pictures whole. Also the most that is buffered for one client. */
const chunkBytes = 256 * 1024;

const max16 = 0xffff;
const max32 = 0xffff_ffff;
const headerBytes = { local: 30, central: 46, end: 22, end64: 56, locator64: 20 };
/** Tag and length, then one or two 64-bit numbers. */
const extra64Bytes = { sizes: 20, offset: 8 };
/** Names are UTF-8. */
const flags = 0x0800;
const version = 20;
const version64 = 45;
/** Unix, so that the mode below applies: the owner may write the file, everybody may read it. */
const madeBy = 3 << 8;
const mode = 0o100644;

/**
 * Generates a ZIP archive (PKWARE APPNOTE 6.3.10) of stored entries, since pictures do not compress. It produces one
 * chunk at a time as the consumer reads, and holds no file open between chunks. Checksum and size precede the bytes,
 * for readers that stream; so a file longer than a chunk is read twice.
 * @throws Error when a file changes while it is read: a broken download is better than a corrupt archive
 */
export async function* zipChunks(
  entries: Iterable<ZipEntry> | AsyncIterable<ZipEntry>,
): AsyncGenerator<Uint8Array<ArrayBuffer>> {
  const directory: Uint8Array[] = [];
  let offset = 0;
  for await (const { name, modified, open } of entries) {
    const content = await open();
    const { bytes } = content;
    const first = await read(content, 0);
    let crc = crc32(first);
    for (let at = chunkBytes; at < bytes; at += chunkBytes) {
      const chunk = await read(content, at);
      crc = crc32(chunk, crc);
      // Free the buffer now: the garbage collector would find it only many chunks later.
      chunk.buffer.transfer(0);
    }

    const file = { name: Buffer.from(name), modified: dosTime(modified), crc, bytes, offset };
    const header = localHeader(file);
    yield header;
    yield first;
    for (let at = chunkBytes; at < bytes; at += chunkBytes) yield await read(content, at);
    directory.push(centralHeader(file));
    offset += header.length + bytes;
  }
  const central = Buffer.concat(directory);
  yield Buffer.concat([central, endOfArchive(directory.length, central.length, offset)]);
}

/** The length in bytes of the archive of these files. */
export function zipLength(files: Iterable<{ name: string; bytes: number }>): number {
  let offset = 0;
  let central = 0;
  let count = 0;
  for (const { name, bytes } of files) {
    const nameBytes = Buffer.byteLength(name);
    central += headerBytes.central + nameBytes + centralExtraBytes(bytes, offset);
    offset += headerBytes.local + nameBytes + (isLarge(bytes) ? extra64Bytes.sizes : 0) + bytes;
    count += 1;
  }
  return offset + central + endBytes(count, central, offset);
}

type File = { name: Buffer; modified: number; crc: number; bytes: number; offset: number };

async function read(content: Content, start: number): Promise<Uint8Array<ArrayBuffer>> {
  const end = Math.min(start + chunkBytes, content.bytes);
  const chunk =
    "content" in content
      ? await content.content.slice(start, end).bytes()
      : await new Response(content.stream(start, end)).bytes();
  if (chunk.length !== end - start)
    throw new Error("a file changed while it was put into an archive");
  return chunk;
}

/** 4.3.7 */
function localHeader({ name, modified, crc, bytes }: File): Uint8Array<ArrayBuffer> {
  const large = isLarge(bytes);
  const header = Buffer.alloc(headerBytes.local + name.length + (large ? extra64Bytes.sizes : 0));
  header.writeUInt32LE(0x04034b50, 0);
  header.writeUInt16LE(large ? version64 : version, 4);
  header.writeUInt16LE(flags, 6);
  header.writeUInt32LE(modified, 10);
  header.writeUInt32LE(crc, 14);
  header.writeUInt32LE(large ? max32 : bytes, 18);
  header.writeUInt32LE(large ? max32 : bytes, 22);
  header.writeUInt16LE(name.length, 26);
  header.writeUInt16LE(large ? extra64Bytes.sizes : 0, 28);
  name.copy(header, headerBytes.local);
  if (large) writeExtra64(header, headerBytes.local + name.length, [bytes, bytes]);
  return header;
}

/** 4.3.12 */
function centralHeader({ name, modified, crc, bytes, offset }: File): Uint8Array {
  const extraBytes = centralExtraBytes(bytes, offset);
  const header = Buffer.alloc(headerBytes.central + name.length + extraBytes);
  const needed = extraBytes > 0 ? version64 : version;
  header.writeUInt32LE(0x02014b50, 0);
  header.writeUInt16LE(madeBy | needed, 4);
  header.writeUInt16LE(needed, 6);
  header.writeUInt16LE(flags, 8);
  header.writeUInt32LE(modified, 12);
  header.writeUInt32LE(crc, 16);
  header.writeUInt32LE(isLarge(bytes) ? max32 : bytes, 20);
  header.writeUInt32LE(isLarge(bytes) ? max32 : bytes, 24);
  header.writeUInt16LE(name.length, 28);
  header.writeUInt16LE(extraBytes, 30);
  header.writeUInt32LE(mode * 0x1_0000, 38);
  header.writeUInt32LE(isLarge(offset) ? max32 : offset, 42);
  name.copy(header, headerBytes.central);
  const numbers = [...(isLarge(bytes) ? [bytes, bytes] : []), ...(isLarge(offset) ? [offset] : [])];
  if (extraBytes > 0) writeExtra64(header, headerBytes.central + name.length, numbers);
  return header;
}

/** 4.3.14 to 4.3.16 */
function endOfArchive(count: number, central: number, offset: number): Uint8Array {
  const end = Buffer.alloc(endBytes(count, central, offset));
  let at = 0;
  if (end.length > headerBytes.end) {
    end.writeUInt32LE(0x06064b50, 0);
    end.writeBigUInt64LE(BigInt(headerBytes.end64 - 12), 4);
    end.writeUInt16LE(madeBy | version64, 12);
    end.writeUInt16LE(version64, 14);
    for (const [place, number] of [count, count, central, offset].entries()) {
      end.writeBigUInt64LE(BigInt(number), 24 + place * 8);
    }
    at = headerBytes.end64;
    end.writeUInt32LE(0x07064b50, at);
    end.writeBigUInt64LE(BigInt(offset + central), at + 8);
    end.writeUInt32LE(1, at + 16);
    at += headerBytes.locator64;
  }
  end.writeUInt32LE(0x06054b50, at);
  end.writeUInt16LE(Math.min(count, max16), at + 8);
  end.writeUInt16LE(Math.min(count, max16), at + 10);
  end.writeUInt32LE(Math.min(central, max32), at + 12);
  end.writeUInt32LE(Math.min(offset, max32), at + 16);
  return end;
}

function endBytes(count: number, central: number, offset: number): number {
  const is64 = count >= max16 || isLarge(central) || isLarge(offset);
  return headerBytes.end + (is64 ? headerBytes.end64 + headerBytes.locator64 : 0);
}

function centralExtraBytes(bytes: number, offset: number): number {
  if (isLarge(bytes)) return extra64Bytes.sizes + (isLarge(offset) ? extra64Bytes.offset : 0);
  return isLarge(offset) ? 4 + extra64Bytes.offset : 0;
}

/** 4.5.3 */
function writeExtra64(header: Buffer, at: number, numbers: number[]): void {
  header.writeUInt16LE(1, at);
  header.writeUInt16LE(numbers.length * 8, at + 2);
  for (const [place, number] of numbers.entries()) {
    header.writeBigUInt64LE(BigInt(number), at + 4 + place * 8);
  }
}

/** The largest 32-bit number marks a value that is stored in the ZIP64 field instead. */
function isLarge(number: number): boolean {
  return number >= max32;
}

/** MS-DOS time and date as one 32-bit number: seconds / 2, minute, hour, day, month, years since 1980. */
function dosTime(clock: string): number {
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = clock
    .split(/[-T :.]/)
    .map(Number);
  if (year < 1980) return (1 << 21) | (1 << 16);
  const years = Math.min(year, 2107) - 1980;
  return (
    years * 2 ** 25 +
    ((month << 21) | (day << 16) | (hour << 11) | (minute << 5) | Math.floor(second / 2))
  );
}
