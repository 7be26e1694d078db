import { isUtf8 } from "node:buffer";

/** Decodes a text of unknown encoding: UTF-16 if many bytes are zero, else UTF-8 if valid, else Latin-1. */
export function decodeBytes(bytes: Buffer): string {
  const end = bytes.findLastIndex((byte) => byte !== 0) + 1;
  const zeros = bytes.subarray(0, end).reduce((count, byte) => count + (byte === 0 ? 1 : 0), 0);
  if (zeros > end / 4) return decodeUtf16(bytes);
  return bytes.toString(isUtf8(bytes) ? "utf8" : "latin1");
}

export function decodeUtf16(bytes: Buffer): string {
  return new TextDecoder(orderOf(bytes)).decode(bytes);
}

/**
 * The byte order mark decides. Without one, Latin letters do: their high byte is zero and their low byte has many
 * values. Distinct values count, not occurrences, because few Chinese and Japanese characters have a zero low byte.
 */
function orderOf(bytes: Buffer): "utf-16be" | "utf-16le" {
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  const bigEndian = new Set<number>();
  const littleEndian = new Set<number>();
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    const [first, second] = [bytes[at]!, bytes[at + 1]!];
    if (first === 0 && second !== 0) bigEndian.add(second);
    if (second === 0 && first !== 0) littleEndian.add(first);
  }
  return bigEndian.size >= littleEndian.size ? "utf-16be" : "utf-16le";
}

/** Removes the zeros at the end. */
export function withoutPadding(text: string): string {
  let end = text.length;
  while (end > 0 && text[end - 1] === "\0") end -= 1;
  return text.slice(0, end);
}
