import { type Box, createCursor, findBox, listBoxes } from "./boxes";

/** The items of a HEIF file (ISO/IEC 23008-12): pictures, tiles, EXIF, … */
export type Items = Readonly<{
  primaryId: number | undefined;
  typeOf(id: number): string | undefined;
  idsOfType(type: string): number[];
  /** The properties of an item, in the file's order. */
  propertiesOf(id: number): Box[];
  /** The first picture that a grid or overlay consists of. */
  firstPartOf(id: number): number | undefined;
  /** The range of an item's bytes; undefined when they are in several extents or outside the file. */
  placeOf(id: number): { from: number; to: number } | undefined;
}>;

/**
 * The most entries of a table, and extents of an entry: a 48-megapixel picture has a few hundred items. Larger tables
 * are crafted to be slow, since an entry may take no bytes at all.
 */
const maxEntries = 50_000;

/**
 * Reads the `meta` box of a file; undefined when there is none.
 * @throws RangeError when a box is truncated or has too many entries
 */
export function readItems(bytes: Buffer): Items | undefined {
  const meta = findBox(bytes, ["meta"]);
  if (!meta) return undefined;
  const boxes = listBoxes(bytes, meta.from + 4, meta.to);
  const content = (type: string) => boxes.find((box) => box.type === type);
  const types = readTypes(bytes, content("iinf"));
  const properties = readProperties(bytes, content("iprp"));
  const parts = readParts(bytes, content("iref"));
  const places = readPlaces(bytes, content("iloc"), content("idat"));
  return {
    primaryId: readPrimary(bytes, content("pitm")),
    typeOf: (id) => types.get(id),
    idsOfType: (type) => [...types].flatMap(([id, own]) => (own === type ? [id] : [])),
    propertiesOf: (id) => properties.get(id) ?? [],
    firstPartOf: (id) => parts.get(id),
    placeOf: (id) => places.get(id),
  };
}

function open(bytes: Buffer, box: Box) {
  const cursor = createCursor(bytes, box.from, box.to);
  return { cursor, version: cursor.number(1), flags: cursor.number(3) };
}

/**
 * Counts table entries.
 * @throws RangeError above the limit
 */
function createCount() {
  let entries = 0;
  return () => {
    entries += 1;
    if (entries > maxEntries) throw new RangeError("a box has too many entries");
  };
}

function readPrimary(bytes: Buffer, box: Box | undefined): number | undefined {
  if (!box) return undefined;
  const { cursor, version } = open(bytes, box);
  return cursor.number(version === 0 ? 2 : 4);
}

function readTypes(bytes: Buffer, box: Box | undefined): Map<number, string> {
  const types = new Map<number, string>();
  if (!box) return types;
  const { version } = open(bytes, box);
  for (const entry of listBoxes(bytes, box.from + (version === 0 ? 6 : 8), box.to)) {
    const { cursor, version: entryVersion } = open(bytes, entry);
    // Earlier versions have no type.
    if (entryVersion < 2) continue;
    const id = cursor.number(entryVersion === 2 ? 2 : 4);
    cursor.skip(2);
    types.set(id, cursor.text(4));
  }
  return types;
}

function readProperties(bytes: Buffer, box: Box | undefined): Map<number, Box[]> {
  const properties = new Map<number, Box[]>();
  const container = box && findBox(bytes, ["ipco"], box);
  const association = box && findBox(bytes, ["ipma"], box);
  if (!container || !association) return properties;
  const all = listBoxes(bytes, container.from, container.to);
  const { cursor, version, flags } = open(bytes, association);
  const isWide = (flags & 1) === 1;
  const count = createCount();
  for (let left = cursor.number(4); left > 0; left -= 1) {
    const id = cursor.number(version === 0 ? 2 : 4);
    const own: Box[] = [];
    count();
    for (let more = cursor.number(1); more > 0; more -= 1) {
      count();
      // The first bit marks a property as essential.
      const index = isWide ? cursor.number(2) & 0x7fff : cursor.number(1) & 0x7f;
      const property = all[index - 1];
      if (property) own.push(property);
    }
    properties.set(id, own);
  }
  return properties;
}

function readParts(bytes: Buffer, box: Box | undefined): Map<number, number> {
  const parts = new Map<number, number>();
  if (!box) return parts;
  const { version } = open(bytes, box);
  const idBytes = version === 0 ? 2 : 4;
  for (const reference of listBoxes(bytes, box.from + 4, box.to)) {
    if (reference.type !== "dimg") continue;
    const cursor = createCursor(bytes, reference.from, reference.to);
    const from = cursor.number(idBytes);
    if (cursor.number(2) > 0) parts.set(from, cursor.number(idBytes));
  }
  return parts;
}

function readPlaces(
  bytes: Buffer,
  box: Box | undefined,
  idat: Box | undefined,
): Map<number, { from: number; to: number }> {
  const places = new Map<number, { from: number; to: number }>();
  if (!box) return places;
  const { cursor, version } = open(bytes, box);
  const [sizes, more] = [cursor.number(1), cursor.number(1)];
  const [offsetBytes, lengthBytes, baseBytes] = [sizes >> 4, sizes & 15, more >> 4];
  const indexBytes = version === 0 ? 0 : more & 15;
  const idBytes = version < 2 ? 2 : 4;
  const count = createCount();
  for (let left = cursor.number(idBytes); left > 0; left -= 1) {
    count();
    const id = cursor.number(idBytes);
    const isInBox = version > 0 && (cursor.number(2) & 15) === 1;
    const isElsewhere = cursor.number(2) !== 0;
    const base = cursor.number(baseBytes) + (isInBox ? (idat?.from ?? bytes.length) : 0);
    const extents = cursor.number(2);
    for (let at = 0; at < extents; at += 1) {
      count();
      cursor.skip(indexBytes);
      const from = base + cursor.number(offsetBytes);
      const to = from + cursor.number(lengthBytes);
      if (extents === 1 && !isElsewhere && to <= bytes.length) places.set(id, { from, to });
    }
  }
  return places;
}
