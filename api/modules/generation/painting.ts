import type { Edges, Painting, Region } from "#generation-parameters";
import type { Model } from "#db/schema/models";
import type { RequestedPainting } from "../../fields/painting";
import { matchingSize } from "./matching-size";

type Size = { width: number; height: number };

/** What a part of a picture is painted on. */
export type PaintingContext = {
  /** null: text to image. */
  source: Size | null;
  /** `painted`: the rectangle outside of which the mask is black; absent where it is not known. */
  mask: (Size & { painted?: Region }) | null;
  /** The bases of available models that paint a part of a picture, for messages. */
  bases: readonly string[];
};

const maxBlur = 512;
const maxSide = 8_192;
const minRegionSide = 16;
/** More would take InvokeAI gigabytes of memory to blend. */
const maxRegionPixels = 4_096 * 4_096;

/** Whether only a part of a picture is painted. */
function isPainted(requested: RequestedPainting, { mask }: Pick<PaintingContext, "mask">): boolean {
  return mask !== null || requested.expand !== undefined;
}

/**
 * Fills in what a request to paint a part of a picture leaves out. Faults are reported to `refuse`; the result is valid
 * only if there are none.
 */
export function completePainting(
  requested: RequestedPainting,
  context: PaintingContext,
  model: Model,
  refuse: (path: string, message: string) => void,
): { painting: Painting; size: Partial<Size> } {
  const { source, mask, bases } = context;
  const nothing = { painting: {}, size: {} };
  const isPartsOnly = model.accepts?.partsOnly === true;
  if (!isPainted(requested, context)) {
    refuseLonePainting(requested, isPartsOnly, refuse);
    return nothing;
  }
  const cause = mask ? "mask" : "parameters.expand";
  if (!model.accepts?.inpaint) {
    const able = bases.filter((base) => base !== model.base);
    const others = able.length > 0 ? `; models of base ${able.join(", ")} take it` : "";
    refuse(cause, `not supported by this model of base ${model.base}${others}`);
  }
  if (!source) {
    refuse(cause, "only with a source image");
    return nothing;
  }
  if (mask && !hasProportions(mask, source)) {
    const { width, height } = source;
    refuse("mask", `the size of the source image, ${width}×${height}, or its proportions`);
  }
  const { expand } = requested;
  if (expand && !checkEdges(expand, refuse)) return nothing;
  const canvas = {
    width: source.width + (expand?.left ?? 0) + (expand?.right ?? 0),
    height: source.height + (expand?.top ?? 0) + (expand?.bottom ?? 0),
  };
  if (Math.max(canvas.width, canvas.height) > maxSide) {
    refuse(cause, `a result of at most ${maxSide} pixels a side`);
  }
  const { maskBlur = 0, maskFill = "source" } = requested;
  if (isPartsOnly && requested.maskFill !== undefined) {
    refuse("parameters.mask_fill", "not supported: this model paints without a start");
  }
  if (maskBlur < 0 || maskBlur > maxBlur) {
    refuse("parameters.mask_blur", `a whole number from 0 to ${maxBlur}`);
  }
  const region = requested.region ?? { x: 0, y: 0, ...canvas };
  checkRegion(region, { canvas, source, mask, expand }, refuse);
  return {
    painting: {
      maskBlur,
      ...(!isPartsOnly && { maskFill }),
      region,
      ...(expand && { expand }),
    },
    size: sizeOf(region, model),
  };
}

/** Without a mask or `expand` nothing is painted: then nothing about painting may be requested. */
function refuseLonePainting(
  requested: RequestedPainting,
  isPartsOnly: boolean,
  refuse: (path: string, message: string) => void,
): void {
  if (isPartsOnly) {
    const what = "this model only paints a part of a source image";
    refuse("mask", `required, or parameters.expand: ${what}`);
  }
  for (const [name, value] of [
    ["mask_blur", requested.maskBlur],
    ["mask_fill", requested.maskFill],
    ["region", requested.region],
  ] as const) {
    if (value !== undefined) refuse(`parameters.${name}`, "only with a mask or expand");
  }
}

/** False when no side grows: then there is no result to check. */
function checkEdges(expand: Edges, refuse: (path: string, message: string) => void): boolean {
  const edges = Object.entries(expand);
  for (const [side, grown] of edges) {
    if (grown > maxSide) refuse(`parameters.expand.${side}`, `0 to ${maxSide}`);
  }
  const isGrowing = edges.some(([, grown]) => grown !== 0);
  if (!isGrowing) refuse("parameters.expand", "at least one side above 0");
  return isGrowing;
}

function checkRegion(
  region: Region,
  on: { canvas: Size; source: Size } & Pick<PaintingContext, "mask"> &
    Pick<RequestedPainting, "expand">,
  refuse: (path: string, message: string) => void,
): void {
  const { x, y, width, height } = region;
  const { canvas, source, mask, expand } = on;
  const isInside = x >= 0 && y >= 0 && x + width <= canvas.width && y + height <= canvas.height;
  if (!isInside || Math.min(width, height) < minRegionSide) {
    const inside = `inside the result, which has ${canvas.width}×${canvas.height} pixels`;
    refuse("parameters.region", `at least ${minRegionSide} pixels a side, and ${inside}`);
    return;
  }
  if (width * height > maxRegionPixels) {
    refuse("parameters.region", `at most ${maxRegionPixels} pixels: name a smaller one`);
  }
  const [left, top] = [expand?.left ?? 0, expand?.top ?? 0];
  const isInSource =
    x >= left && y >= top && x + width <= left + source.width && y + height <= top + source.height;
  const box = mask?.painted;
  if (!isInSource || (mask && !box)) return;
  const [across, down] =
    box && mask ? [source.width / mask.width, source.height / mask.height] : [];
  const isHit =
    box &&
    across !== undefined &&
    x < left + (box.x + box.width) * across &&
    x + width > left + box.x * across &&
    y < top + (box.y + box.height) * down! &&
    y + height > top + box.y * down!;
  if (!isHit) refuse("parameters.region", "a part of the result in which something is painted");
}

function hasProportions(mask: Size, source: Size): boolean {
  return Math.abs((mask.width * source.height) / source.width - mask.height) < 1;
}

/** The region's own size where the model paints well at it, else one with its proportions and the model's usual area. */
function sizeOf(region: Size, model: Model): Partial<Size> {
  const { accepts, defaults } = model;
  if (!accepts || !defaults) return {};
  const sides = [region.width, region.height];
  const isOnGrid = sides.every(
    (side) =>
      side % accepts.sizeMultiple === 0 && side >= accepts.minSize && side <= accepts.maxSize,
  );
  const share = (region.width * region.height) / (defaults.width * defaults.height);
  // 20 % a side around the usual size, as in InvokeAI's own page.
  if (isOnGrid && share >= 0.64 && share <= 1.44) {
    return { width: region.width, height: region.height };
  }
  return matchingSize(region, model);
}
