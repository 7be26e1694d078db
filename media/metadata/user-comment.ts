import { isUtf8 } from "node:buffer";
import { decodeBytes, decodeUtf16, withoutPadding } from "./text-bytes";

const markBytes = 8;

/**
 * The text of EXIF's UserComment, whose first eight bytes name its encoding (CIPA DC-008, 4.6.5); undefined when there
 * is none. The standard does not define the byte order of UTF-16, and writers differ.
 */
export function userCommentOf(bytes: Buffer | undefined): string | undefined {
  return bytes && withoutPadding(decode(bytes));
}

function decode(bytes: Buffer): string {
  const mark = bytes.toString("latin1", 0, markBytes).replace(/\0+$/, "").toUpperCase();
  const body = bytes.subarray(markBytes);
  if (mark === "UNICODE") return looksLikeUtf8(body) ? body.toString("utf8") : decodeUtf16(body);
  if (mark === "JIS") return new TextDecoder("iso-2022-jp").decode(body);
  if (mark === "ASCII" || mark === "") return decodeBytes(body);
  // The encoding marker is missing, against the standard.
  return decodeBytes(bytes);
}

/**
 * Some writers store UTF-8 under the UNICODE marker. In UTF-16 each Latin letter and each line break has a zero byte.
 */
function looksLikeUtf8(body: Buffer): boolean {
  return isUtf8(body) && !withoutPadding(body.toString("utf8")).includes("\0");
}
