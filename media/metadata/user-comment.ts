import { isUtf8 } from "node:buffer";

const markBytes = 8;

/**
 * The text of EXIF's UserComment, whose first eight bytes name its encoding (CIPA DC-008, 4.6.5); undefined
 * where there is none. The standard leaves the order of UTF-16's bytes open, and writers differ.
 */
export function userCommentOf(value: unknown): string | undefined {
  return Array.isArray(value) ? decode(Buffer.from(value)).replace(/\0+$/, "") : undefined;
}

function decode(bytes: Buffer): string {
  const mark = bytes.toString("latin1", 0, markBytes).replace(/\0+$/, "").toUpperCase();
  const body = bytes.subarray(markBytes);
  if (mark === "UNICODE") return new TextDecoder(utf16Of(body)).decode(body);
  if (mark === "JIS") return new TextDecoder("iso-2022-jp").decode(body);
  if (mark === "ASCII" || mark === "") return plain(body);
  // No mark at all, though there should be one.
  return plain(bytes);
}

/** A byte order mark says it; else the zeros do: of letters it is the higher byte. */
function utf16Of(body: Buffer): "utf-16be" | "utf-16le" {
  if (body[0] === 0xfe && body[1] === 0xff) return "utf-16be";
  if (body[0] === 0xff && body[1] === 0xfe) return "utf-16le";
  let even = 0;
  let odd = 0;
  for (let at = 0; at + 1 < Math.min(body.length, 1024); at += 2) {
    if (body[at] === 0) even += 1;
    if (body[at + 1] === 0) odd += 1;
  }
  return even >= odd ? "utf-16be" : "utf-16le";
}

function plain(bytes: Buffer): string {
  return bytes.toString(isUtf8(bytes) ? "utf8" : "latin1");
}
