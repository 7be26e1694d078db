/** Digits may be grouped: `1_000`. */
const digits = "\\d+(?:_\\d+)*";
const float = new RegExp(
  `^[+-]?(?:${digits}(?:\\.(?:${digits})?)?|\\.${digits})(?:e[+-]?${digits})?$`,
  "i",
);
const maxLength = 40;

/** Parses a number like Python's `float`: the programs that write these texts are written in Python. */
export function floatIn(value: unknown): number | undefined {
  if (typeof value === "number") return value;
  if (typeof value !== "string" || value.length > maxLength) return undefined;
  const text = value.trim();
  return float.test(text) ? Number(text.replaceAll("_", "")) : undefined;
}
