import { type Static, t } from "elysia";
import { maxUpscaledSide } from "./enlarge";
import type { UpscaleWish } from "./upscale";

/** How photos are enlarged. `enlarge.ts` checks the ranges, which depend on the model. */
export const upscaleFields = {
  scale: t.Optional(
    t.Number({ description: "Above 1, up to the factor of the model, which is usually 4" }),
  ),
  to: t.Optional(
    t.Integer({
      description: `In place of scale: the pixels of the result's longer side, at most ${maxUpscaledSide}`,
    }),
  ),
  model_key: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 200,
      description: "An upscaling model. Default: the first by name",
    }),
  ),
};

/** How one photo is painted again. `repaint.ts` checks them. */
export const repaintFields = {
  creativity: t.Optional(
    t.Number({
      description:
        "Above 0, up to 1: paint the enlarged picture again in tiles, and how much of it is new. It needs a main model of base sd-1 or sdxl and a ControlNet for tiles. 0.5 is usual.",
    }),
  ),
  main_model_key: t.Optional(
    t.String({
      minLength: 1,
      maxLength: 200,
      description:
        "Only with `creativity`. Default: the photo's own model, else the first with a ControlNet for tiles",
    }),
  ),
};

const fields = t.Object({ ...upscaleFields, ...repaintFields });

export function toUpscaleWish(body: Static<typeof fields>): UpscaleWish {
  const { scale, to, model_key: modelKey, creativity, main_model_key: mainModelKey } = body;
  return { scale, to, modelKey, creativity, mainModelKey };
}
