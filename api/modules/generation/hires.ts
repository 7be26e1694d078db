import { type Hires, hiresSize } from "#generation-parameters";
import type { ModelAccepts } from "#db/schema/models";

/** A second pass, before its default is filled in. */
export type RequestedHires = { scale: number; strength?: number | undefined };

const maxScale = 4;
/** Latents that were only stretched are blurred; less strength leaves them so. */
const defaultStrength = 0.6;

/** Fills in what a request for a second pass leaves out. Faults are reported to `refuse`. */
export function completeHires(
  requested: RequestedHires | undefined,
  drawn: {
    base: string;
    accepts: ModelAccepts;
    hasSource: boolean;
    width: number;
    height: number;
  },
  refuse: (name: string, message: string) => void,
): Hires {
  if (!requested) return {};
  const { base, accepts, hasSource, width, height } = drawn;
  const { scale, strength = defaultStrength } = requested;
  if (!accepts.hires) {
    refuse("hires", "not supported by this model; plain ones of base sd-1 and sdxl take it");
    return {};
  }
  if (hasSource) refuse("hires", "only without a source image; enlarge the result instead");
  if (!(strength > 0 && strength <= 1)) refuse("hires.strength", "a number above 0, up to 1");
  if (!(scale > 1 && scale <= maxScale)) {
    refuse("hires.scale", `a number above 1, up to ${maxScale}`);
    return {};
  }
  const larger = hiresSize({ width, height }, scale);
  if (Math.max(larger.width, larger.height) > accepts.maxSize) {
    refuse("hires.scale", `a result of at most ${accepts.maxSize} pixels a side for ${base}`);
  } else if (larger.width <= width && larger.height <= height) {
    refuse("hires.scale", "a result that is larger; sides are rounded to multiples of 8");
  }
  return { hires: { scale, strength } };
}
