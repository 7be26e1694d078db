import { type Static, t } from "elysia";
import { maxUpscaledSide, type UpscaleWish } from "./upscale";

/** How photos are enlarged. `upscale.ts` checks the ranges, which depend on the model. */
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

const fields = t.Object(upscaleFields);

export function toUpscaleWish({ scale, to, model_key }: Static<typeof fields>): UpscaleWish {
  return { scale, to, modelKey: model_key };
}
