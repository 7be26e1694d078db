const maxBytes = 255;
/** Read of a name at all: what follows backtracks, and a name may come as a megabyte. */
const maxRead = 1024;
/** A longer "extension" is a part of the name. */
const maxExtensionBytes = 16;

const pathParts = /^.*[/\\]/s;
// Control characters, line and paragraph separators, marks that turn the direction of text, byte order
// mark: what makes a name read as another one, or break a header or a log line.
const unseen = /[\p{Cc}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/**
 * A client's file name as text to show and to offer for a download; never a path of ours. Without
 * path parts and characters that deceive, NFC, at most 255 bytes of UTF-8, never empty.
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

/** The longest beginning of a text that fits into `bytes`, ending between two code points. */
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
