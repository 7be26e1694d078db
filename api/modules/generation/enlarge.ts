import type { Model } from "#db/schema/models";
import { type FieldFault, invalid } from "#errors";

/** The longest side of a result, in pixels. */
export const maxUpscaledSide = 8_192;

/** A picture to enlarge, in pixels; `path` is its place in the request. */
export type Enlargeable = { id: string; path: string; width: number; height: number };

/** How large a result is wanted; exactly one of both. */
export type WishedSize = {
  scale?: number | undefined;
  /** Pixels of the result's longer side. */
  to?: number | undefined;
};

/** The factor of a model, from its name, as its record has none: `4x-UltraSharp`, `RealESRGAN_x2plus`. Usual is 4. */
export function factorOf({ name }: Pick<Model, "name">): number {
  const [, before, after] = /(?:^|[^a-z0-9])(?:([1-8])x|x([1-8]))(?![0-9])/i.exec(name) ?? [];
  const factor = Number(before ?? after ?? 4);
  return factor > 1 ? factor : 4;
}

/**
 * The exact factor by which each picture is enlarged.
 * @throws AppError validation_error that lists every picture which cannot be enlarged like this
 */
export function enlarge<Picture extends Enlargeable>(
  pictures: readonly Picture[],
  wish: WishedSize,
  model: Pick<Model, "name">,
): (Picture & { scale: number })[] {
  const faults: FieldFault[] = [];
  const isOne = pictures.length === 1;
  const { scale, to } = wish;
  const path = scale === undefined && to !== undefined ? "to" : "scale";
  if ((scale === undefined) === (to === undefined)) {
    faults.push({ path: "scale", message: "either scale or to" });
  }
  const enlarged = pictures.map((picture) => {
    const found = scaleOf(picture, wish, factorOf(model));
    if (typeof found === "number") return { ...picture, scale: found };
    // A fault of one of several names the photo.
    if (scale !== undefined || to !== undefined) {
      faults.push({ path: isOne ? path : picture.path, message: found });
    }
    return { ...picture, scale: 1 };
  });
  if (faults.length === 0) return enlarged;
  throw invalid("The photos cannot be enlarged like this; see details.errors.", faults);
}

/** The exact factor of a picture, or what would be possible instead. */
function scaleOf(
  size: { width: number; height: number },
  { scale, to }: WishedSize,
  factor: number,
): number | string {
  const longest = Math.max(size.width, size.height);
  // A hair more than exact: InvokeAI cuts the result's sides off to whole pixels.
  const wanted = scale ?? ((to ?? longest) + 0.001) / longest;
  if (Math.floor(longest * wanted) <= longest || wanted > factor + 0.0001) {
    const most = Math.floor(longest * factor);
    return scale !== undefined
      ? `above 1, up to ${factor}, the factor of the model`
      : `above ${longest}, up to ${most}: ${factor} times the picture, the factor of the model`;
  }
  if (Math.floor(longest * wanted) > maxUpscaledSide) {
    return `a result of at most ${maxUpscaledSide} pixels a side`;
  }
  return Math.min(wanted, factor);
}
