/** Displayed by browsers, saved as `filename`: an ASCII version for old clients, the real name for others (RFC 6266). */
export function inlineAs(filename: string): string {
  return named("inline", filename);
}

/** Saved as `filename`, not displayed. */
export function attachmentAs(filename: string): string {
  return named("attachment", filename);
}

function named(disposition: "inline" | "attachment", filename: string): string {
  const ascii = filename.normalize("NFKD").replaceAll(/[^\x20-\x7e]|["\\%;]/g, "_");
  const plain = `${disposition}; filename="${ascii}"`;
  return ascii === filename ? plain : `${plain}; filename*=UTF-8''${encode(filename)}`;
}

/** RFC 8187: also encodes the characters that `encodeURIComponent` leaves but attr-char does not allow. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
