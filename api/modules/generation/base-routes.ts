import { type Static, t } from "elysia";
import { type GenerationBase, listGenerationBases } from "#db/queries/generation/generation-bases";
import type { ApiDeps } from "../../deps";
import { answerJson } from "../../lists/lists";
import { createModule } from "../../http/module";
import { maxSteps } from "./parameters";

const baseSchema = t.Object(
  {
    base: t.String(),
    variant: t.Optional(t.String({ description: "InvokeAI's name for a variant of the base" })),
    schedulers: t.Array(
      t.Object({
        name: t.String(),
        min_steps: t.Integer({ description: "Minimum number of steps" }),
        steps: t.Optional(
          t.Integer({ description: "The number of steps that belongs to it, where it has one" }),
        ),
      }),
    ),
    size: t.Object(
      { multiple_of: t.Integer(), min: t.Integer(), max: t.Integer() },
      { description: "Limits of width and height, in pixels" },
    ),
    cfg_scale: t.Boolean({ description: "Whether it can be chosen. If not, it is always 1." }),
    negative_prompt: t.Boolean(),
    negative_prompt_needs_cfg: t.Boolean({
      description: "It is refused while `cfg_scale` is 1, as it would have no effect",
    }),
    image_to_image: t.Boolean({ description: "Whether a picture can be the source" }),
    inpaint: t.Boolean({ description: "Whether `mask` and `expand` are supported" }),
    parts_only: t.Boolean({
      description:
        "It only paints a part of a picture: a mask or `expand` is required, `strength` and `mask_fill` are not supported",
    }),
    hires: t.Boolean({ description: "Whether a second, larger pass is supported" }),
    loras: t.Boolean(),
    max_clip_skip: t.Integer({ description: "0: CLIP skip is not supported" }),
    guidance: t.Boolean(),
    max_guidance: t.Optional(t.Integer()),
    max_steps: t.Integer(),
  },
  { title: "GenerationBase" },
);

const basesSchema = t.Object({ items: t.Array(baseSchema) });

/** The parameters that each kind of model accepts. */
export function createBaseRoutes(deps: ApiDeps) {
  return createModule({ prefix: "/api/v1/generation", tags: ["generation"] }).get(
    "/bases",
    async ({ request }) => {
      const bases = await listGenerationBases(deps.database.db);
      return answerJson<typeof basesSchema.static>(request, { items: bases.map(baseToWire) });
    },
    {
      response: { 200: basesSchema },
      detail: { summary: "The parameters that a step accepts, for each base of InvokeAI's models" },
    },
  );
}

function baseToWire({ base, variant, accepts }: GenerationBase): Static<typeof baseSchema> {
  return {
    base,
    ...(variant !== null && { variant }),
    schedulers: accepts.schedulers.map((name) => {
      const steps = accepts.usualSteps?.[name];
      return {
        name,
        min_steps: accepts.minSteps?.[name] ?? 1,
        ...(steps !== undefined && { steps }),
      };
    }),
    size: { multiple_of: accepts.sizeMultiple, min: accepts.minSize, max: accepts.maxSize },
    cfg_scale: accepts.cfgScale !== false,
    negative_prompt: accepts.negativePrompt,
    negative_prompt_needs_cfg: accepts.negativeNeedsCfg ?? false,
    image_to_image: accepts.imageToImage !== false,
    inpaint: accepts.inpaint ?? false,
    parts_only: accepts.partsOnly ?? false,
    hires: accepts.hires ?? false,
    loras: accepts.loras !== false,
    max_clip_skip: accepts.maxClipSkip,
    guidance: accepts.guidance !== false,
    ...(accepts.guidance !== false && { max_guidance: accepts.maxGuidance ?? 20 }),
    max_steps: accepts.maxSteps ?? maxSteps,
  };
}
