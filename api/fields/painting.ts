import { type Static, t } from "elysia";
import { type Edges, maskFills, type Painting } from "#generation-parameters";
import { oneOf } from "./one-of";

const strict = { additionalProperties: false };
const pixels = (description?: string) => t.Integer({ ...(description && { description }) });
const side = t.Optional(t.Integer({ minimum: 0 }));

/** The parameters of painting a part of a picture. `generation/painting.ts` checks their ranges. */
export const paintingFields = {
  mask_blur: t.Optional(
    t.Integer({
      description:
        "0 to 512 pixels. The change fades in over this width inside the mask; nothing outside changes. Default: 0.",
    }),
  ),
  mask_fill: t.Optional(
    oneOf(maskFills, {
      description:
        "What the model starts from where it paints. `source`, the default: the source image, and cv2 where `expand` adds to it. `lama` fetches weights to InvokeAI's machine.",
    }),
  ),
  region: t.Optional(
    t.Object(
      {
        x: pixels("From the left of the result"),
        y: pixels("From the top of the result"),
        width: pixels(),
        height: pixels(),
      },
      {
        ...strict,
        description:
          "The part of the result, in pixels, that the model sees; it is scaled to `width` and `height` for painting. Default: all of it.",
      },
    ),
  ),
  expand: t.Optional(
    t.Object(
      { top: side, right: side, bottom: side, left: side },
      { ...strict, description: "Pixels by which the source image grows at each side" },
    ),
  ),
};

type Wire = Partial<Static<ReturnType<typeof schemaOf>>>;
const schemaOf = () => t.Object(paintingFields);

export function paintingToWire(painting: Painting): Wire {
  const { maskBlur, maskFill, region, expand } = painting;
  return {
    ...(maskBlur !== undefined && { mask_blur: maskBlur }),
    ...(maskFill !== undefined && { mask_fill: maskFill }),
    ...(region && { region }),
    ...(expand && { expand }),
  };
}

/** Sides that `expand` leaves out are 0. */
export function paintingFromWire(body: Wire): RequestedPainting {
  const { top = 0, right = 0, bottom = 0, left = 0 } = body.expand ?? {};
  return {
    maskBlur: body.mask_blur,
    maskFill: body.mask_fill,
    region: body.region,
    expand: body.expand && ({ top, right, bottom, left } satisfies Edges),
  };
}

export type RequestedPainting = { [Name in keyof Painting]?: Painting[Name] | undefined };
