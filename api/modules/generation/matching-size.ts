import type { Model } from "#db/schema/models";

/**
 * A size with the photo's aspect ratio and about as many pixels as the model's default size, in multiples that its base
 * accepts. Empty if the photo's size or the model's defaults are unknown.
 */
export function matchingSize(
  photo: { width: number | null; height: number | null },
  { accepts, defaults }: Model,
): { width?: number; height?: number } {
  if (!accepts || !defaults || photo.width === null || photo.height === null) return {};
  const { sizeMultiple, minSize, maxSize } = accepts;
  const scale = Math.sqrt((defaults.width * defaults.height) / (photo.width * photo.height));
  const fit = (side: number) => {
    const whole = Math.round((side * scale) / sizeMultiple) * sizeMultiple;
    const smallest = Math.ceil(minSize / sizeMultiple) * sizeMultiple;
    const largest = Math.floor(maxSize / sizeMultiple) * sizeMultiple;
    return Math.min(Math.max(whole, smallest), largest);
  };
  return { width: fit(photo.width), height: fit(photo.height) };
}
