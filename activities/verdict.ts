import type { Reproduction } from "#db/schema/photos";
import type { PictureDistance } from "#media/compare-pictures";

/**
 * Up to this mean difference of a channel (0 to 255) two pictures are near. InvokeAI encodes the source of an image to
 * image with noise that has no seed: seen on 6.14.2, that is up to 7.9 with the roughest of models, where two seeds are 100
 * apart. What another graphics card, driver or library rounds otherwise is far less.
 */
const nearDistance = 10;

/** What a comparison means. That InvokeAI is of another version is told where it may be why the pixels differ. */
export function verdictOn(
  compared: PictureDistance,
  isOtherVersion: boolean,
): Omit<Reproduction, "checkedAt"> {
  const because = isOtherVersion ? ({ reason: "version_differs" } as const) : {};
  if (compared.state === "other size") return { verdict: "different", ...because };
  const { distance } = compared;
  if (distance === 0) return { verdict: "identical", distance };
  const verdict = distance <= nearDistance ? "near" : "different";
  return { verdict, distance: roundUp(distance), ...because };
}

/** Four digits are enough to read, and what differs is never 0. */
function roundUp(distance: number): number {
  return Math.ceil(distance * 10_000) / 10_000;
}
