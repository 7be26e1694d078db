import { crc32, deflateRawSync } from "node:zlib";

/** An entry of an archive, possibly malformed. */
export type RawEntry = {
  name: string;
  bytes: Uint8Array;
  deflated?: boolean;
  /** As written to a pipe: checksum and lengths follow the data (APPNOTE 6.3.10, 4.3.9). */
  streamed?: boolean;
  /** False values for the headers. */
  method?: number;
  flags?: number;
  saidBytes?: number;
};

/** Writes all numbers with 64 bits (4.3.14, 4.3.15, 4.5.3); the fields are false values for them. */
export type Zip64 = { saidEntries?: bigint; saidDirectoryAt?: bigint; saidEntryAt?: bigint };

const streamedFlag = 0x08;

const uint32 = (...numbers: number[]): Buffer => {
  const bytes = Buffer.alloc(numbers.length * 4);
  for (const [at, number] of numbers.entries()) bytes.writeUInt32LE(number, at * 4);
  return bytes;
};

const uint64 = (...numbers: (number | bigint)[]): Buffer => {
  const bytes = Buffer.alloc(numbers.length * 8);
  for (const [at, number] of numbers.entries()) bytes.writeBigUInt64LE(BigInt(number), at * 8);
  return bytes;
};

/** The extra field of an entry with numbers too large for its header. */
function extraOf(numbers: Buffer): Buffer {
  const head = Buffer.alloc(4);
  head.writeUInt16LE(1, 0);
  head.writeUInt16LE(numbers.length, 2);
  return Buffer.concat([head, numbers]);
}

/** Writes an archive; false values go into its headers unchecked. */
export function rawZip(entries: readonly RawEntry[], zip64?: Zip64): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { name, bytes, deflated = false, streamed = false, flags = 0x0800 } = entry;
    const data = deflated ? deflateRawSync(bytes, { level: 1 }) : Buffer.from(bytes);
    const said = { packed: data.length, bytes: entry.saidBytes ?? bytes.length };
    const encoded = Buffer.from(name);
    const method = entry.method ?? (deflated ? 8 : 0);
    const facts = (at: { crc: number; packed: number; bytes: number; extra: Buffer }) => {
      const head = Buffer.alloc(26);
      head.writeUInt16LE(zip64 ? 45 : 20, 0);
      head.writeUInt16LE(flags | (streamed ? streamedFlag : 0), 2);
      head.writeUInt16LE(method, 4);
      head.writeUInt32LE(0x21_0000, 6);
      head.writeUInt32LE(at.crc, 10);
      head.writeUInt32LE(zip64 ? 0xffff_ffff : at.packed, 14);
      head.writeUInt32LE(zip64 ? 0xffff_ffff : at.bytes, 18);
      head.writeUInt16LE(encoded.length, 22);
      head.writeUInt16LE(at.extra.length, 24);
      return head;
    };
    const truth = { crc: crc32(bytes), ...said };
    const before = streamed ? { crc: 0, packed: 0, bytes: 0 } : truth;
    const extra = zip64 ? extraOf(uint64(before.bytes, before.packed)) : Buffer.alloc(0);
    const sizes = (zip64 ? uint64 : uint32)(said.packed, said.bytes);
    const descriptor = [Buffer.from("PK\x07\x08"), uint32(truth.crc), sizes];
    const local = Buffer.concat([
      Buffer.from("PK\x03\x04"),
      facts({ ...before, extra }),
      encoded,
      extra,
      data,
      ...(streamed ? descriptor : []),
    ]);
    const listed = zip64
      ? extraOf(uint64(said.bytes, said.packed, zip64.saidEntryAt ?? offset))
      : Buffer.alloc(0);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(zip64 ? 0xffff_ffff : offset, 10);
    directory.push(
      Buffer.from("PK\x01\x02\x14\x03"),
      facts({ ...truth, extra: listed }),
      tail,
      encoded,
      listed,
    );
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  return Buffer.concat([...parts, central, endOf(entries.length, central.length, offset, zip64)]);
}

function endOf(entries: number, bytes: number, offset: number, zip64?: Zip64): Buffer {
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(zip64 ? 0xffff : entries, 8);
  end.writeUInt16LE(zip64 ? 0xffff : entries, 10);
  end.writeUInt32LE(zip64 ? 0xffff_ffff : bytes, 12);
  end.writeUInt32LE(zip64 ? 0xffff_ffff : offset, 16);
  if (!zip64) return end;
  const said = zip64.saidEntries ?? entries;
  return Buffer.concat([
    Buffer.from("PK\x06\x06"),
    uint64(44),
    Buffer.from([45, 3, 45, 0]),
    uint32(0, 0),
    uint64(said, said, bytes, zip64.saidDirectoryAt ?? offset),
    Buffer.from("PK\x06\x07"),
    uint32(0),
    uint64(offset + bytes),
    uint32(1),
    end,
  ]);
}
