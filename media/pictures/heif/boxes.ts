/** A box of ISO/IEC 14496-12: its type, and the range of its content. */
export type Box = Readonly<{ type: string; from: number; to: number }>;

/** More sibling boxes than any encoder writes; limits the cost of a file of empty boxes. */
const maxBoxes = 20_000;

/** Lists the consecutive boxes between two offsets; the list ends at the first box that does not fit. */
export function listBoxes(bytes: Buffer, from = 0, to = bytes.length): Box[] {
  return [...eachBox(bytes, from, to)];
}

function* eachBox(bytes: Buffer, from: number, to: number): Generator<Box> {
  let at = from;
  for (let count = 0; at + 8 <= to && count < maxBoxes; count += 1) {
    const type = bytes.toString("latin1", at + 4, at + 8);
    const short = bytes.readUInt32BE(at);
    const isLong = short === 1 && at + 16 <= to;
    const size = isLong ? Number(bytes.readBigUInt64BE(at + 8)) : short === 0 ? to - at : short;
    const head = isLong ? 16 : 8;
    if (size < head || at + size > to) break;
    yield { type, from: at + head, to: at + size };
    at += size;
  }
}

/** Finds the first box on a path of types; a `meta` box on it begins with version and flags. */
export function findBox(
  bytes: Buffer,
  path: readonly string[],
  within: { from: number; to: number } = { from: 0, to: bytes.length },
): Box | undefined {
  const [type, ...rest] = path;
  const found = eachBox(bytes, within.from, within.to).find((box) => box.type === type);
  if (!found || rest.length === 0) return found;
  return findBox(bytes, rest, found.type === "meta" ? { ...found, from: found.from + 4 } : found);
}

/**
 * Reads consecutive numbers.
 * @throws RangeError beyond the end
 */
export function createCursor(bytes: Buffer, from: number, to: number) {
  let at = from;
  const take = (length: number) => {
    if (at + length > to) throw new RangeError("a box ends too early");
    at += length;
    return at - length;
  };
  return {
    /** A big-endian number of 0 to 8 bytes. */
    number: (length: number): number => {
      const start = take(length);
      let value = 0;
      for (let index = 0; index < length; index += 1) value = value * 256 + bytes[start + index]!;
      return value;
    },
    text: (length: number): string => {
      const start = take(length);
      return bytes.toString("latin1", start, start + length);
    },
    skip: (length: number): void => void take(length),
    isAtEnd: () => at >= to,
  };
}
