// Control characters that a terminal, a page or Postgres may interpret; line breaks and tabs are allowed.
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufeff]/g;

/**
 * Cleans a text from a file for storage: no control characters, whole characters only, NFC, trimmed, cut at
 * `maxLength`. undefined when it is not a string, or nothing is left.
 */
export function plainText(value: unknown, maxLength: number): string | undefined {
  if (typeof value !== "string") return undefined;
  // Cut before cleaning as well: a file may hold megabytes where a name is expected.
  const text = value
    .slice(0, maxLength * 2)
    .toWellFormed()
    .replace(/\r\n?/g, "\n")
    .replace(controls, "")
    .normalize("NFC")
    .trim();
  const cut =
    text.length > maxLength
      ? text
          .slice(0, maxLength)
          .replace(/[\ud800-\udbff]$/, "")
          .trimEnd()
      : text;
  return cut === "" ? undefined : cut;
}
