/** The properties of an XMP packet by namespace and name, each with its texts. */
export type Xmp = Readonly<{ textsOf: (name: XmpName) => readonly string[] }>;
export type XmpName = `${keyof typeof namespaces}:${string}`;

const namespaces = {
  dc: "http://purl.org/dc/elements/1.1/",
  exif: "http://ns.adobe.com/exif/1.0/",
  photoshop: "http://ns.adobe.com/photoshop/1.0/",
  xmp: "http://ns.adobe.com/xap/1.0/",
} as const;
const rdf = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const uris: readonly string[] = Object.values(namespaces);

const maxPacketBytes = 2 * 1_048_576;
const maxTexts = 1_000;
const maxDepth = 64;
// Neither expression can backtrack far or match across `<`, so matching is linear in the packet's length.
const element = /<(\/?)([^\s<>/!?"']+)(?=[\s/>])((?:[^<>"']|"[^"<]*"|'[^'<]*'){0,50000})>/g;
const attribute = /(?<=\s)([^\s="'<>/]{1,100})\s*=\s*(?:"([^"]*)"|'([^']*)')/g;

/**
 * Reads the texts of an XMP packet (ISO 16684-1): properties in attributes, elements, and lists of items or languages.
 * Packets are untrusted: entities that a document defines are not expanded.
 */
export function readXmp(packet: Uint8Array | undefined): Xmp {
  const found = new Map<string, string[]>();
  if (packet && packet.length <= maxPacketBytes) {
    read(Buffer.from(packet.buffer, packet.byteOffset, packet.byteLength).toString("utf8"), found);
  }
  return {
    textsOf: (name) => {
      const [prefix, local] = name.split(":") as [keyof typeof namespaces, string];
      return found.get(namespaces[prefix] + local) ?? [];
    },
  };
}

function read(xml: string, found: Map<string, string[]>): void {
  const prefixes = new Map<string, string>();
  const open: { property: string | undefined; text: string }[] = [];
  let kept = 0;
  let at = 0;

  const nameOf = (qualified: string): string => {
    const colon = qualified.indexOf(":");
    return (prefixes.get(qualified.slice(0, colon)) ?? "") + qualified.slice(colon + 1);
  };
  const keep = (property: string | undefined, value: string) => {
    const text = unescaped(value).trim();
    if (property === undefined || text === "" || (kept += 1) > maxTexts) return;
    const known = found.get(property);
    if (known) known.push(text);
    else found.set(property, [text]);
  };

  for (const match of xml.matchAll(element)) {
    const [whole, closing, tag = "", rest = ""] = match;
    const inner = open.at(-1);
    if (inner) inner.text += xml.slice(at, match.index);
    at = match.index + whole.length;
    if (closing) {
      open.pop();
      if (inner) keep(inner.property, inner.text);
      continue;
    }
    const attributes = (rest.includes("=") ? [...rest.matchAll(attribute)] : []).map(
      ([, name = "", double, single]) => [name, double ?? single ?? ""] as const,
    );
    for (const [name, value] of attributes) {
      if (name.startsWith("xmlns:")) prefixes.set(name.slice("xmlns:".length), unescaped(value));
    }
    for (const [name, value] of attributes) {
      if (isKnown(nameOf(name))) keep(nameOf(name), value);
    }
    if (rest.endsWith("/")) continue;
    if (open.length >= maxDepth) return;
    if (inner) inner.text = "";
    const name = nameOf(tag);
    // List items belong to the property that encloses them.
    const around = name.startsWith(rdf) ? inner?.property : undefined;
    open.push({ property: isKnown(name) ? name : around, text: "" });
  }
}

function isKnown(name: string): boolean {
  return uris.some((uri) => name.startsWith(uri));
}

const entities: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
};

function unescaped(text: string): string {
  return text.replace(/&(?:#(\d{1,7})|#x([\da-f]{1,6})|(\w{2,4}));/gi, (whole, ten, hex, name) => {
    if (name !== undefined) return entities[name as string] ?? whole;
    const code = ten === undefined ? Number.parseInt(hex, 16) : Number(ten);
    return code <= 0x10ffff ? String.fromCodePoint(code) : whole;
  });
}
