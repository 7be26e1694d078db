import type { Model } from "#db/schema/models";

/**
 * A size of the shape of a picture, with about as many pixels as the model is used to, in the steps that its base wants.
 * Nothing where one of the two is unknown.
 */
export function sizeLike(
  picture: { width: number | null; height: number | null },
  { accepts, defaults }: Model,
): { width?: number; height?: number } {
  if (!accepts || !defaults || picture.width === null || picture.height === null) return {};
  const { sizeMultiple, minSize, maxSize } = accepts;
  const scale = Math.sqrt((defaults.width * defaults.height) / (picture.width * picture.height));
  const fit = (side: number) => {
    const whole = Math.round((side * scale) / sizeMultiple) * sizeMultiple;
    const smallest = Math.ceil(minSize / sizeMultiple) * sizeMultiple;
    const largest = Math.floor(maxSize / sizeMultiple) * sizeMultiple;
    return Math.min(Math.max(whole, smallest), largest);
  };
  return { width: fit(picture.width), height: fit(picture.height) };
}
