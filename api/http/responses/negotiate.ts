/**
 * Picks the offered type, such as `image/*`, that an `Accept` header prefers; the first of them if several are equal or
 * there is no preference (RFC 9110 §12.5.1). The answer must have `Vary: Accept`.
 */
export function negotiate<T extends string>(
  accept: string | null,
  offered: readonly [T, ...T[]],
): T {
  if (accept === null || accept.trim() === "") return offered[0];
  const ranges = accept.split(",").map(parseRange);
  const scored = offered.map((type) => ({ type, quality: qualityOf(type, ranges) }));
  return scored.reduce((best, one) => (one.quality > best.quality ? one : best)).type;
}

type Range = { type: string; quality: number };

function parseRange(text: string): Range {
  const [type = "", ...parameters] = text.split(";").map((part) => part.trim().toLowerCase());
  const given = parameters.find((parameter) => parameter.startsWith("q="));
  const quality = given === undefined ? 1 : Number(given.slice(2));
  return { type, quality: Number.isFinite(quality) ? quality : 0 };
}

/** The quality of the most specific range that covers the type; 0: not accepted. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const [kind, subtype] = type.split("/");
  const covering = [
    ranges.find((range) => range.type === type),
    // An offered `image/*` matches any image type in the header.
    subtype === "*"
      ? bestOf(ranges.filter((range) => range.type.startsWith(`${kind}/`)))
      : undefined,
    ranges.find((range) => range.type === `${kind}/*`),
    ranges.find((range) => range.type === "*/*"),
  ];
  return covering.find((range) => range !== undefined)?.quality ?? 0;
}

function bestOf(ranges: readonly Range[]): Range | undefined {
  return ranges.toSorted((a, b) => b.quality - a.quality)[0];
}
