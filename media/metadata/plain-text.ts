// What a terminal, a page or Postgres would take for more than a letter; line breaks and tabs are text.
// oxlint-disable-next-line no-control-regex
const controls = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f-\u009f\ufeff]/g;

/**
 * A text out of a file as it may be kept: without control characters, whole characters only, NFC, trimmed,
 * cut at `maxLength`. undefined when it is no text, or nothing is left of it.
 */
export function plainText(value: unknown, maxLength: number): string | undefined {
  if (typeof value !== "string") return undefined;
  // Cut before the work as well: a file may hold megabytes where a name is expected.
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
