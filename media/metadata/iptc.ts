import { decodeBytes } from "./text-bytes";

/** The fields of IPTC's application record that are used here (IIM 4.2, chapter 6). */
export type Iptc = Readonly<{
  title: string | undefined;
  caption: string | undefined;
  keywords: readonly string[];
  /** `YYYYMMDD`. */
  dateCreated: string | undefined;
  /** `HHMMSS±HHMM`. */
  timeCreated: string | undefined;
}>;

const iimResource = 0x0404;
const application = 2;
const datasets = { title: 5, keyword: 25, date: 55, time: 60, headline: 105, caption: 120 };
const maxKeywords = 1_000;
const marker = 0x1c;

/** Reads Photoshop's image resources or a plain IIM record. Untrusted: unreadable data counts as absent. */
export function readIptc(block: Uint8Array | undefined): Iptc {
  const bytes = block ? Buffer.from(block.buffer, block.byteOffset, block.byteLength) : empty;
  const found = new Map<number, string[]>();
  for (const { dataset, value } of datasetsIn(iimIn(bytes) ?? empty)) {
    const known = found.get(dataset);
    if (!known) found.set(dataset, [decodeBytes(value)]);
    else if (known.length < maxKeywords) known.push(decodeBytes(value));
  }
  const first = (dataset: number) => found.get(dataset)?.[0];
  return {
    title: first(datasets.title) ?? first(datasets.headline),
    caption: first(datasets.caption),
    keywords: found.get(datasets.keyword) ?? [],
    dateCreated: first(datasets.date),
    timeCreated: first(datasets.time),
  };
}

const empty = Buffer.alloc(0);

/** Each resource has a signature, a number, a name and its data, the last two padded to even lengths. */
function iimIn(bytes: Buffer): Buffer | undefined {
  if (bytes[0] === marker) return bytes;
  let at = bytes.indexOf("8BIM", 0, "latin1");
  while (at !== -1 && at + 12 <= bytes.length) {
    if (bytes.toString("latin1", at, at + 4) !== "8BIM") return undefined;
    const nameBytes = bytes[at + 6]! + 1;
    const sizeAt = at + 6 + nameBytes + (nameBytes % 2);
    if (sizeAt + 4 > bytes.length) return undefined;
    const size = bytes.readUInt32BE(sizeAt);
    if (bytes.readUInt16BE(at + 4) === iimResource) {
      return bytes.subarray(sizeAt + 4, sizeAt + 4 + size);
    }
    at = sizeAt + 4 + size + (size % 2);
  }
  return undefined;
}

function* datasetsIn(iim: Buffer): Generator<{ dataset: number; value: Buffer }> {
  let at = 0;
  while (at + 5 <= iim.length && iim[at] === marker) {
    const size = iim.readUInt16BE(at + 3);
    // Sizes from 32 KB use an extended form, which no text here needs.
    if (size >= 0x8000 || at + 5 + size > iim.length) return;
    if (iim[at + 1] === application) {
      yield { dataset: iim[at + 2]!, value: iim.subarray(at + 5, at + 5 + size) };
    }
    at += 5 + size;
  }
}
