import { type Static, t } from "elysia";
import type { Model } from "#db/schema/models";

export const modelSchema = t.Object(
  {
    key: t.String(),
    hash: t.String(),
    name: t.String(),
    type: t.String(),
    base: t.String(),
    format: t.String(),
    description: t.Optional(t.String()),
    is_favorite: t.Boolean(),
    last_used_at: t.Optional(t.String({ format: "date-time" })),
    is_available: t.Boolean(),
    default_params: t.Nullable(
      t.Object({
        width: t.Integer(),
        height: t.Integer(),
        steps: t.Integer(),
        cfg_scale: t.Number(),
        scheduler: t.String(),
        guidance: t.Optional(t.Number({ description: "FLUX dev only" })),
      }),
      { description: "null for models that do not generate images" },
    ),
    compatible_vae: t.Array(
      t.Object({ key: t.String(), hash: t.String(), name: t.String(), is_default: t.Boolean() }),
    ),
    supported: t.Boolean({ description: "Whether this server can generate images with it" }),
  },
  { title: "Model" },
);

/** @param vaes all that InvokeAI has now; those of the model's base are listed with it */
export function modelToWire(model: Model, vaes: Model[]): Static<typeof modelSchema> {
  const { defaults } = model;
  return {
    key: model.key,
    hash: model.hash,
    name: model.name,
    type: model.type,
    base: model.base,
    format: model.format,
    ...(model.description !== null && { description: model.description }),
    is_favorite: model.isFavorite,
    ...(model.lastUsedAt && { last_used_at: model.lastUsedAt.toISOString() }),
    is_available: model.isAvailable,
    default_params: defaults && {
      width: defaults.width,
      height: defaults.height,
      steps: defaults.steps,
      cfg_scale: defaults.cfgScale,
      scheduler: defaults.scheduler,
      ...(defaults.guidance !== undefined && { guidance: defaults.guidance }),
    },
    compatible_vae:
      model.type === "main"
        ? vaes
            .filter((vae) => vae.base === model.base)
            // If none is the default, the model uses its built-in VAE.
            .map(({ key, hash, name }) => ({
              key,
              hash,
              name,
              is_default: key === defaults?.vaeKey,
            }))
        : [],
    supported: model.accepts !== null && model.defaults !== null,
  };
}
