import { type Static, t } from "elysia";
import type { StepParameters } from "#db/schema/steps";
import { schedulers } from "#generation-parameters";
import { companionFields, companionsToWire } from "../../fields/companions";
import { chosenHires, hiresField } from "../../fields/hires";
import { optionFields, optionsFromWire, optionsToWire } from "../../fields/options";
import { paintingFields, paintingFromWire, paintingToWire } from "../../fields/painting";
import { upscaledFields, upscaledToWire } from "../../fields/upscaled";
import type { RequestedParameters } from "./parameters";

const strict = { additionalProperties: false };

/** Ranges depend on the model. `parameters.ts` checks them all, so that every fault is reported. */
export const parametersBody = t.Object(
  {
    model_key: t.String({ minLength: 1, maxLength: 200 }),
    model_hash: t.Optional(t.String()),
    vae_key: t.Optional(t.String()),
    width: t.Optional(
      t.Number({ description: "Pixels; a multiple that the model's base requires" }),
    ),
    height: t.Optional(t.Number()),
    steps: t.Optional(t.Number({ description: "1 to 500" })),
    cfg_scale: t.Optional(t.Number({ description: "1 to 200" })),
    // `parameters.ts` checks whether the model's base accepts it.
    scheduler: t.Optional(t.String({ enum: [...schedulers] })),
    batch_size: t.Optional(
      t.Number({ description: "1 to MAX_BATCH_SIZE. Default: the setting default_batch_size." }),
    ),
    seed: t.Optional(t.Number({ description: "0 to 4294967295. Random if omitted." })),
    strength: t.Optional(
      t.Number({ description: "0 to 1, only with a source image. Default: 0.75." }),
    ),
    loras: t.Optional(
      t.Array(t.Object({ model_key: t.String(), weight: t.Number() }, strict), { maxItems: 100 }),
    ),
    ...paintingFields,
    ...hiresField,
    ...optionFields(() => t.Optional(t.Number())),
  },
  strict,
);

const {
  model_key,
  batch_size: _count,
  seed: _seed,
  vae_key: _vae,
  ...overrides
} = parametersBody.properties;

/** The parameters of a variation. Omitted ones are recalled from its photo. */
export const overridesBody = t.Object(
  {
    ...overrides,
    model_key: t.Optional(model_key),
    vae_key: t.Optional(t.Nullable(t.String({ description: "null: the model's default VAE" }))),
  },
  strict,
);

/** What a step sets in its recipe. */
const stepRecipe = t.Object(
  {
    name: t.String(),
    inputs: t.Record(t.String(), t.Any(), { description: "By id; complete" }),
    models: t.Array(t.Object({ key: t.String(), hash: t.String() })),
    seeds: t.Array(t.String(), { description: "The inputs that the seed sets" }),
    outputs: t.Integer({
      description: "Pictures that one seed makes of each combination of lists",
    }),
    axes: t.Optional(
      t.Array(t.Array(t.String(), { maxItems: 500 }), {
        maxItems: 500,
        description:
          "Inputs that are lists, in groups that go together; each combination is drawn, the last list changes fastest",
      }),
    ),
  },
  {
    description:
      "The step runs a recipe. The other parameters say what is known of its workflow; 0 or empty: nothing.",
  },
);

/** A step's parameters, with all defaults filled in. */
export const parametersSchema = t.Object(
  {
    model_key: t.String(),
    model_hash: t.String(),
    width: t.Integer({ description: "Pixels" }),
    height: t.Integer({ description: "Pixels" }),
    steps: t.Integer(),
    cfg_scale: t.Number(),
    scheduler: t.String(),
    batch_size: t.Integer(),
    seed: t.Integer({ description: "Seed of the first image; see `seeds`" }),
    vae_key: t.Optional(t.String()),
    ...companionFields(
      t.Optional(t.String({ description: "Chosen by the server for models that need one" })),
    ),
    strength: t.Optional(t.Number({ description: "0 to 1. Only with a source image." })),
    loras: t.Optional(t.Array(t.Object({ model_key: t.String(), weight: t.Number() }))),
    recipe: t.Optional(stepRecipe),
    ...paintingFields,
    ...upscaledFields,
    ...chosenHires,
    ...optionFields(() => t.Optional(t.Number())),
  },
  { title: "StepParameters" },
);

/** The body in the camelCase form of `parameters.ts`. */
export function toRequestedParameters(body: Static<typeof parametersBody>): RequestedParameters {
  return {
    ...toOverrides(body),
    modelKey: body.model_key,
    vaeKey: body.vae_key,
    batchSize: body.batch_size,
    seed: body.seed,
  };
}

/** The overridden parameters in camelCase. */
export function toOverrides(body: Static<typeof overridesBody>) {
  return {
    modelKey: body.model_key,
    modelHash: body.model_hash,
    vaeKey: body.vae_key,
    width: body.width,
    height: body.height,
    steps: body.steps,
    cfgScale: body.cfg_scale,
    scheduler: body.scheduler,
    strength: body.strength,
    loras: body.loras?.map((lora) => ({ modelKey: lora.model_key, weight: lora.weight })),
    ...paintingFromWire(body),
    hires: body.hires,
    ...optionsFromWire(body),
  };
}

export function parametersToWire(parameters: StepParameters): Static<typeof parametersSchema> {
  const { vaeKey, strength, loras, recipe } = parameters;
  return {
    model_key: parameters.modelKey,
    model_hash: parameters.modelHash,
    width: parameters.width,
    height: parameters.height,
    steps: parameters.steps,
    cfg_scale: parameters.cfgScale,
    scheduler: parameters.scheduler,
    batch_size: parameters.batchSize,
    seed: parameters.seed,
    ...(vaeKey !== undefined && { vae_key: vaeKey }),
    ...companionsToWire(parameters),
    ...(strength !== undefined && { strength }),
    ...(loras && {
      loras: loras.map((lora) => ({ model_key: lora.modelKey, weight: lora.weight })),
    }),
    ...(recipe && {
      recipe: {
        name: recipe.name,
        inputs: recipe.inputs,
        models: recipe.models.map(({ key, hash }) => ({ key, hash })),
        seeds: recipe.seeds,
        outputs: recipe.outputs,
        ...(recipe.axes && { axes: recipe.axes }),
      },
    }),
    ...paintingToWire(parameters),
    ...upscaledToWire(parameters),
    ...(parameters.hires && { hires: parameters.hires }),
    ...optionsToWire(parameters),
  };
}
