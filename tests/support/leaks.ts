import { gunzipSync, inflateRawSync, inflateSync } from "node:zlib";

/** Values that must not leak, by the channel in which they were planted: texts, and numbers as a file stores them. */
export type Secrets = Readonly<Record<string, string | number>>;

const maxInflatedBytes = 64 * 1024 * 1024;

/**
 * The channels with a secret anywhere in these bytes: unchanged or in another case, in UTF-16, percent-encoded, as
 * entities, in hex, in base64 or base64url at any offset, as a 32-bit number, and each of these also inside zlib,
 * gzip and the entries of a zip.
 */
export function findLeaks(bytes: Buffer, secrets: Secrets): string[] {
  const layers = [...unpacked(bytes, 2)];
  const texts = [...new Set(layers.flatMap(readings))];
  // Most forms share their beginnings, and most beginnings are nowhere.
  const beginnings = new Map<string, boolean>();
  const mayHave = (form: string) => {
    const beginning = form.slice(0, 5);
    const known = beginnings.get(beginning);
    if (known !== undefined) return known;
    const isThere = texts.some((text) => text.includes(beginning));
    beginnings.set(beginning, isThere);
    return isThere;
  };
  const hasText = (form: string) => mayHave(form) && texts.some((text) => text.includes(form));
  return Object.entries(secrets)
    .filter(([, secret]) =>
      typeof secret === "number"
        ? hasText(`${secret}`) ||
          layers.some((layer) => numberForms(secret).some((form) => layer.includes(form)))
        : textForms(secret).some(hasText),
    )
    .map(([channel]) => channel);
}

/** The texts that a layer can be decoded to, in lower case. */
function readings(layer: Buffer): string[] {
  const plain = layer.toString("latin1");
  const decoded = plain
    .replaceAll(/%([0-9a-f]{2})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll(/&#x([0-9a-f]{1,4});/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)))
    .replaceAll(/&#(\d{1,5});/g, (_, code: string) => String.fromCharCode(Number(code)))
    .replaceAll(/\\u([0-9a-f]{4})/gi, (_, hex: string) => String.fromCharCode(parseInt(hex, 16)));
  // Without NUL, UTF-16 of plain letters reads as plain letters.
  const narrow = plain.replaceAll("\0", "");
  return [plain, decoded, narrow].map((text) => text.toLowerCase());
}

const formsOf = new Map<string, readonly string[]>();

function textForms(secret: string): readonly string[] {
  const known = formsOf.get(secret);
  if (known !== undefined) return known;
  const bytes = Buffer.from(secret);
  const based = [0, 1, 2].flatMap((offset) => {
    const encoded = Buffer.concat([Buffer.alloc(offset), bytes]).toString("base64");
    // The characters at both ends also encode bits of the adjacent bytes.
    const own = encoded.slice(offset === 0 ? 0 : offset + 1, -4);
    return [own, own.replaceAll("+", "-").replaceAll("/", "_")];
  });
  const forms = [secret, bytes.toString("hex"), ...based].map((form) => form.toLowerCase());
  formsOf.set(secret, forms);
  return forms;
}

function numberForms(secret: number): Buffer[] {
  const forms = [Buffer.alloc(4), Buffer.alloc(4)];
  forms[0]!.writeUInt32LE(secret);
  forms[1]!.writeUInt32BE(secret);
  return forms;
}

/** The bytes, and everything that is compressed anywhere in them. */
function* unpacked(bytes: Buffer, depth: number): Generator<Buffer> {
  yield bytes;
  if (depth === 0) return;
  for (const inner of packedIn(bytes)) yield* unpacked(inner, depth - 1);
}

function* packedIn(bytes: Buffer): Generator<Buffer> {
  const limit = { maxOutputLength: maxInflatedBytes };
  for (let at = 0; at + 4 < bytes.length; at += 1) {
    const first = bytes[at]!;
    // RFC 1950: deflate, a multiple of 31, no dictionary.
    const isZlib =
      (first & 0x8f) === 0x08 &&
      (first * 256 + bytes[at + 1]!) % 31 === 0 &&
      !(bytes[at + 1]! & 0x20);
    const isGzip = first === 0x1f && bytes[at + 1] === 0x8b && bytes[at + 2] === 8;
    const isEntry =
      first === 0x50 && at + 30 <= bytes.length && bytes.readUInt32BE(at) === 0x504b0304;
    if (!isZlib && !isGzip && !isEntry) continue;
    try {
      if (isZlib) yield inflateSync(bytes.subarray(at), limit);
      if (isGzip) yield gunzipSync(bytes.subarray(at), limit);
      if (isEntry && bytes.readUInt16LE(at + 8) === 8) {
        const from = at + 30 + bytes.readUInt16LE(at + 26) + bytes.readUInt16LE(at + 28);
        yield inflateRawSync(bytes.subarray(from), limit);
      }
    } catch {
      // A false match: these bytes are not compressed data.
    }
  }
}
