import type { Reproduction } from "#db/schema/photos";
import type { PictureDistance } from "#media/pictures/compare-pictures";

/** Rounding differences of other graphics cards, drivers or libraries stay far below this. */
const roundingDistance = 10;
/** Share of the distance from the source. Measured: at strengths of 0.1 and above, another seed is further away. */
const maxSourceShare = 0.8;

/** An image to image whose source is encoded with noise that has no seed. */
export type NoisySource = Readonly<{
  /** 0: the unchanged source; 1: almost nothing of it. */
  strength: number;
  /** The distance between picture and source, 0 to 255. */
  distance: number;
}>;

/**
 * The largest mean difference of a channel (0 to 255) at which two pictures are near. The lower the strength, the more of
 * the source's noise remains in the picture. The formula fits measurements of this noise and of other seeds, see
 * docs/workflows/photo-reproduction.md.
 * @param noisy undefined: every run of the graph gives the same picture
 */
function nearDistance(noisy: NoisySource | undefined): number {
  if (!noisy) return roundingDistance;
  const { strength, distance } = noisy;
  const part = Math.min(maxSourceShare, 1.3 * Math.exp(-3.8 * strength));
  return Math.max(roundingDistance * strength, part * distance);
}

/** The verdict for a comparison; `share`: of the pixels that can differ at all, 0–1. If the pixels differ, another InvokeAI version is given as a possible reason. */
export function verdictOn(
  compared: PictureDistance,
  of: { isOtherVersion: boolean; noisy?: NoisySource | undefined; share?: number },
): Omit<Reproduction, "checkedAt"> {
  const { isOtherVersion, noisy, share = 1 } = of;
  const because = isOtherVersion ? ({ reason: "version_differs" } as const) : {};
  if (compared.state === "other size") return { verdict: "different", ...because };
  const { distance } = compared;
  if (distance === 0) return { verdict: "identical", distance };
  const verdict = distance <= nearDistance(noisy) * share ? "near" : "different";
  return { verdict, distance: roundUp(distance), ...because };
}

/** Four digits are enough to read. Rounded up: a difference is never shown as 0. */
function roundUp(distance: number): number {
  return Math.ceil(distance * 10_000) / 10_000;
}
