import { type Static, t } from "elysia";
import type { StepParameters } from "#db/schema/steps";
import type { AskedParameters } from "./parameters";

const strict = { additionalProperties: false };

/** Ranges depend on the model and are checked all at once, so that every fault is told: see `parameters.ts`. */
export const parametersBody = t.Object(
  {
    model_key: t.String({ minLength: 1, maxLength: 200 }),
    model_hash: t.Optional(t.String()),
    vae_key: t.Optional(t.String()),
    width: t.Optional(t.Number({ description: "pixels; a multiple that the model's base sets" })),
    height: t.Optional(t.Number()),
    steps: t.Optional(t.Number({ description: "1 to 500" })),
    cfg_scale: t.Optional(t.Number({ description: "1 to 200" })),
    scheduler: t.Optional(t.String()),
    batch_size: t.Optional(t.Number({ description: "1 to MAX_BATCH_SIZE; 1 when left out" })),
    seed: t.Optional(t.Number({ description: "0 to 4294967295; random when left out" })),
    strength: t.Optional(t.Number({ description: "0 to 1, only with a source image; 0.75" })),
    loras: t.Optional(
      t.Array(t.Object({ model_key: t.String(), weight: t.Number() }, strict), { maxItems: 100 }),
    ),
    clip_skip: t.Optional(t.Number()),
    guidance: t.Optional(t.Number()),
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

/** The same of a variation: what is left out is recalled from its photo. */
export const overridesBody = t.Object(
  {
    ...overrides,
    model_key: t.Optional(model_key),
    vae_key: t.Optional(t.Nullable(t.String({ description: "null: the model's own" }))),
  },
  strict,
);

/** What a step is made with, once everything left out was filled in. */
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
    seed: t.Integer({ description: "Of the first image; see `seeds`" }),
    vae_key: t.Optional(t.String()),
    t5_encoder_key: t.Optional(t.String({ description: "Of FLUX; picked here" })),
    clip_embed_key: t.Optional(t.String({ description: "Of FLUX; picked here" })),
    strength: t.Optional(t.Number({ description: "0 to 1; only of a step with a source image" })),
    loras: t.Optional(t.Array(t.Object({ model_key: t.String(), weight: t.Number() }))),
    clip_skip: t.Optional(t.Number()),
    guidance: t.Optional(t.Number()),
  },
  { title: "StepParameters" },
);

/** camelCase for `parameters.ts`. */
export function toAskedParameters(body: Static<typeof parametersBody>): AskedParameters {
  return {
    ...toOverrides(body),
    modelKey: body.model_key,
    vaeKey: body.vae_key,
    batchSize: body.batch_size,
    seed: body.seed,
  };
}

/** What is said of the numbers and parts of a model. */
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
    clipSkip: body.clip_skip,
    guidance: body.guidance,
  };
}

export function parametersToWire(parameters: StepParameters): Static<typeof parametersSchema> {
  const { vaeKey, t5EncoderKey, clipEmbedKey, strength, clipSkip, guidance, loras } = parameters;
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
    ...(t5EncoderKey !== undefined && { t5_encoder_key: t5EncoderKey }),
    ...(clipEmbedKey !== undefined && { clip_embed_key: clipEmbedKey }),
    ...(strength !== undefined && { strength }),
    ...(loras && {
      loras: loras.map((lora) => ({ model_key: lora.modelKey, weight: lora.weight })),
    }),
    ...(clipSkip !== undefined && { clip_skip: clipSkip }),
    ...(guidance !== undefined && { guidance }),
  };
}
