const maxBytes = 255;
/** The characters of a name that are read: the expressions below backtrack, and a name may be a megabyte long. */
const maxRead = 1024;
/** A longer "extension" is part of the name. */
const maxExtensionBytes = 16;

const pathParts = /^.*[/\\]/s;
// Control characters, line and paragraph separators, bidirectional marks and byte order marks: they disguise a name,
// or break a header or a log line.
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * Cleans a client's file name for display and downloads; it is never used as a path. The result has no path parts and
 * no deceptive characters, is NFC, at most 255 bytes of UTF-8, and never empty.
 */
export function displayName(clientName: string | undefined, fallback: string): string {
  const name = (clientName ?? "")
    .replace(unseen, "")
    .replace(pathParts, "")
    .slice(0, maxRead)
    .toWellFormed()
    .normalize("NFC")
    .replace(/[\s.]+$/u, "")
    .trimStart();
  return name === "" ? fallback : shorten(name);
}

function shorten(name: string): string {
  if (Buffer.byteLength(name) <= maxBytes) return name;
  const [extension = ""] = /\.[^.\s]+$/u.exec(name) ?? [];
  const kept = Buffer.byteLength(extension) <= maxExtensionBytes ? extension : "";
  const stem = name.slice(0, name.length - kept.length);
  return cut(stem, maxBytes - Buffer.byteLength(kept)) + kept;
}

/** The longest prefix of a text that fits into `bytes` without splitting a code point. */
function cut(text: string, bytes: number): string {
  let end = 0;
  let used = 0;
  for (const character of text) {
    used += Buffer.byteLength(character);
    if (used > bytes) break;
    end += character.length;
  }
  return text.slice(0, end).trimEnd();
}
