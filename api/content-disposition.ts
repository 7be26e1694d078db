/** Shown in place, saved under `filename`: ASCII for old clients, the true name for all others (RFC 6266). */
export function inlineAs(filename: string): string {
  return named("inline", filename);
}

/** Saved under `filename`, not shown. */
export function attachmentAs(filename: string): string {
  return named("attachment", filename);
}

function named(disposition: "inline" | "attachment", filename: string): string {
  const ascii = filename.normalize("NFKD").replaceAll(/[^\x20-\x7e]|["\\%;]/g, "_");
  const plain = `${disposition}; filename="${ascii}"`;
  return ascii === filename ? plain : `${plain}; filename*=UTF-8''${encode(filename)}`;
}

/** RFC 8187: what `encodeURIComponent` leaves, but is no attr-char, is encoded too. */
function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed()).replaceAll(
    /['()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
