import { crc32, deflateRawSync } from "node:zlib";

/** An entry as no well-behaved program writes it. */
export type RawEntry = {
  name: string;
  bytes: Uint8Array;
  deflated?: boolean;
  /** What the headers say in place of the truth. */
  method?: number;
  flags?: number;
  saidBytes?: number;
};

/** An archive written by hand; headers say what they are told to. */
export function rawZip(entries: readonly RawEntry[]): Buffer {
  const parts: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const entry of entries) {
    const { name, bytes, deflated = false, flags = 0x0800 } = entry;
    const data = deflated ? deflateRawSync(bytes, { level: 1 }) : Buffer.from(bytes);
    const encoded = Buffer.from(name);
    const method = entry.method ?? (deflated ? 8 : 0);
    const facts = Buffer.alloc(26);
    facts.writeUInt16LE(20, 0);
    facts.writeUInt16LE(flags, 2);
    facts.writeUInt16LE(method, 4);
    facts.writeUInt32LE(0x21_0000, 6);
    facts.writeUInt32LE(crc32(bytes), 10);
    facts.writeUInt32LE(data.length, 14);
    facts.writeUInt32LE(entry.saidBytes ?? bytes.length, 18);
    facts.writeUInt16LE(encoded.length, 22);
    const local = Buffer.concat([Buffer.from("PK\x03\x04"), facts, encoded, data]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.concat([Buffer.from("PK\x01\x02\x14\x03"), facts, tail, encoded]));
    parts.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write("PK\x05\x06");
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...parts, central, end]);
}
