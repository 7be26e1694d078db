import { t } from "elysia";

const strict = { additionalProperties: false };
const description =
  "Draw the picture twice, for sd-1 and sdxl: at `width` and `height`, then `scale` times as large from the first result";
const scale = t.Number({ description: "Above 1, up to 4" });
const strength = t.Number({
  description: "Above 0, up to 1: how much the second pass changes. Default: 0.6.",
});

/** In requests. `generation/hires.ts` checks the ranges. */
export const hiresField = {
  hires: t.Optional(
    t.Object({ scale, strength: t.Optional(strength) }, { ...strict, description }),
  ),
};

/** In answers. */
export const chosenHires = {
  hires: t.Optional(t.Object({ scale, strength }, { ...strict, description })),
};
