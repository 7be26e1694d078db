import { displayName } from "../folders/filename";

const pathParts = /^.*[/\\]/s;
/** Characters that Windows forbids in a name. */
const refused = /[<>:"|?*\\/]/g;
/** Device names of Windows, which it reserves with any extension. */
const reserved = /^(?:con|prn|aux|nul|conin\$|conout\$|com[0-9¹²³]|lpt[0-9¹²³])(?=$|[. ])/i;
/** Below the 255 of file systems, with room for the number that makes a duplicate name unique. */
const maxStemBytes = 200;

/** Extensions accepted for each type. The first one is added to a name that has none of them. */
const extensions: Record<string, readonly string[]> = {
  "image/jpeg": ["jpg", "jpeg", "jpe", "jfif"],
  "image/png": ["png"],
  "image/webp": ["webp"],
  "image/gif": ["gif"],
  "image/avif": ["avif"],
  "image/heic": ["heic", "heif", "hif"],
  "image/heif": ["heif", "heic", "hif"],
};

/**
 * Gives each file of one archive a name that every system can unpack: no path parts, no characters that Windows
 * forbids, and the extension of the file's type. A name gets a number when it differs from an earlier one only in case
 * or Unicode normalization.
 */
export function createEntryNames(): (filename: string, mimeType: string) => string {
  const taken = new Set<string>();
  const nextNumber = new Map<string, number>();
  return (filename, mimeType) => {
    const ownName = filename.replace(pathParts, "");
    const { stem, extension } = split(cleanName(ownName, "photo"), mimeType);
    const folded = fold(stem + extension);
    let name = stem + extension;
    for (let number = nextNumber.get(folded) ?? 2; taken.has(fold(name)); number += 1) {
      name = `${stem} (${number})${extension}`;
      nextNumber.set(folded, number + 1);
    }
    taken.add(fold(name));
    return name;
  };
}

/** Turns text entered by a person into a file name that is valid on every system. */
export function cleanName(name: string, fallback: string): string {
  const clean = displayName(name.replaceAll(refused, "_"), fallback);
  return clean.replace(reserved, (device) => `${device}_`);
}

function split(name: string, mimeType: string): { stem: string; extension: string } {
  const known = extensions[mimeType] ?? [];
  const at = name.lastIndexOf(".");
  const isKnown = at > 0 && known.includes(name.slice(at + 1).toLowerCase());
  const stem = isKnown ? name.slice(0, at) : name;
  const extension = isKnown ? name.slice(at) : known[0] === undefined ? "" : `.${known[0]}`;
  return { stem: shorten(stem), extension };
}

function shorten(stem: string): string {
  let bytes = 0;
  let end = 0;
  for (const character of stem) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxStemBytes) return stem.slice(0, end).trimEnd();
    end += character.length;
  }
  return stem;
}

function fold(name: string): string {
  return name.normalize("NFC").toUpperCase().toLowerCase().normalize("NFC");
}
