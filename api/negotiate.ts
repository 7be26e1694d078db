/**
 * Picks what an `Accept` header likes best among `offered` types, such as `image/*`; the first of
 * them when it likes several equally or says nothing (RFC 9110 §12.5.1). The answer to a choice
 * carries `Vary: Accept`.
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

/** The quality of the most specific range that covers the type; 0: not wanted. */
function qualityOf(type: string, ranges: readonly Range[]): number {
  const [kind, subtype] = type.split("/");
  const covering = [
    ranges.find((range) => range.type === type),
    // `image/*` on offer is wanted by whoever names any image.
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
