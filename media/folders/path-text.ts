/**
 * Encodes file names, which are bytes, as text for rows and JSON. Bytes that are not UTF-8 become U+EF80 to U+EFFF, as
 * in OPTU-8, so the conversion is reversible. `readableName` converts the text for display.
 */
const firstEscape = 0xef00;
const escaped = /[\uef80-\uefff]/g;
const replacement = "\ufffd";

export function pathToText(path: Uint8Array): string {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.byteLength);
  const text = bytes.toString("utf8");
  if (!text.includes(replacement) && text.search(escaped) < 0) return text;
  let out = "";
  for (let at = 0; at < bytes.length;) {
    const length = characterBytes(bytes[at]!);
    const character = bytes.subarray(at, at + length).toString("utf8");
    const isWhole =
      Buffer.from(character).equals(bytes.subarray(at, at + length)) &&
      character.search(escaped) < 0;
    out += isWhole ? character : String.fromCharCode(firstEscape + bytes[at]!);
    at += isWhole ? length : 1;
  }
  return out;
}

export function textToPath(text: string): Buffer {
  if (text.search(escaped) < 0) return Buffer.from(text);
  const parts = text
    .split(/([\uef80-\uefff])/)
    .map((part) =>
      part.length === 1 && part.search(escaped) === 0
        ? Buffer.from([part.charCodeAt(0) - firstEscape])
        : Buffer.from(part),
    );
  return Buffer.concat(parts);
}

/** The name for display. Bytes that are not UTF-8 are read as Windows-1252, their most likely encoding. */
export function readableName(text: string): string {
  return text.replace(escaped, (escape) => {
    return windows.decode(Buffer.from([escape.charCodeAt(0) - firstEscape]));
  });
}

const windows = new TextDecoder("windows-1252");

/** A sort key: compared as text, it gives the natural order, 2 before 10. */
export function naturalKey(text: string): string {
  return text.replace(/\d+/g, (digits) => digits.padStart(20, "0"));
}

function characterBytes(first: number): number {
  if (first >= 0xf0) return 4;
  if (first >= 0xe0) return 3;
  return first >= 0xc0 ? 2 : 1;
}
